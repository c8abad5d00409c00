// What stands before the regions: one address, behind which is one region, another one, or none.
'use strict';
const net = require('node:net');

exports.start = async (first) => {
  const open = new Set();
  const front = { to: first };
  const server = net.createServer((client) => {
    client.on('error', () => {});
    if (!front.to) { client.destroy(); return; }
    const region = net.connect(front.to, '127.0.0.1');
    region.on('error', () => client.destroy());
    client.pipe(region).pipe(client);
    client.on('close', () => { open.delete(client); region.destroy(); });
    region.on('close', () => client.destroy());
    open.add(client);
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  front.url = `http://127.0.0.1:${server.address().port}`;
  // Cuts all connections. New ones go to this port, or nowhere.
  front.cut = (port) => { front.to = port; open.forEach((client) => client.destroy()); };
  front.end = () => { front.cut(null); server.close(); };
  return front;
};
