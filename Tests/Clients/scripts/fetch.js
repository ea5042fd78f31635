// `fetch.js WEB ECHO`: a page, a hundred connections to an echo server at once, and one that is refused.
const http = require('http');
const net = require('net');
const crypto = require('crypto');
const [web, echo] = process.argv.slice(2).map(Number);

function page() {
  return new Promise((resolve, reject) => {
    http.get({ host: 'localhost', port: web, path: '/page' }, (response) => {
      const hash = crypto.createHash('sha1');
      response.on('data', (part) => hash.update(part));
      response.on('end', () => resolve(`${response.statusCode} ${hash.digest('hex').slice(0, 10)}`));
    }).on('error', reject);
  });
}

function echoed(number) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(echo, '127.0.0.1');
    let text = '';
    socket.on('connect', () => socket.end(`hello ${number}`));
    socket.on('data', (part) => { text += part; });
    socket.on('error', reject);
    socket.on('close', () => resolve(text === `hello ${number}` && socket.bytesWritten > 0));
  });
}

function refused() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const port = server.address().port;
      server.close(() => net.connect(port, '127.0.0.1')
        .on('connect', () => resolve('connected'))
        .on('error', (error) => resolve(error.code)));
    });
  });
}

(async () => {
  const lines = await Promise.all(Array.from({ length: 100 }, (_, number) => echoed(number)));
  console.log(await page(), lines.filter(Boolean).length, await refused());
})();
