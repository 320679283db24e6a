// Runs a model as a browser does: fetches it over HTTP, answers batches. JSON in by stdin, out by stdout.
const fs = require('fs');
const http = require('http');
const path = require('path');
const paths = [process.cwd(), ...(process.env.NODE_PATH || '').split(path.delimiter).filter(Boolean)];
const found = require.resolve('@tensorflow/tfjs', {paths});
if (process.argv[2] === 'find') process.exit(0);
const tf = require(found);

async function main() {
  const {folder, outputs, batches} = JSON.parse(fs.readFileSync(0));
  const server = http.createServer((request, response) => {
    fs.createReadStream(path.join(folder, path.basename(request.url))).pipe(response);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  await tf.setBackend('cpu');
  const model = await tf.loadGraphModel(`http://127.0.0.1:${server.address().port}/model.json`);
  const answers = batches.map((batch) => {
    const given = {};
    for (const [name, {values, shape, dtype}] of Object.entries(batch)) {
      given[name] = tf.tensor(values, shape, dtype);
    }
    const tensors = [].concat(model.execute(given, outputs));
    return tensors.map((tensor) => ({shape: tensor.shape, values: Array.from(tensor.dataSync())}));
  });
  process.stdout.write('\n' + JSON.stringify(answers), () => process.exit(0));
}

main().catch((error) => {
  console.error(String(error && error.message));
  process.exit(1);
});
