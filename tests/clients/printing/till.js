// SPDX-License-Identifier: Apache-2.0
// A till that prints through libraries from npm, as they are, in turns:
//   0  node-thermal-printer makes the bytes, serialport brings them to a serial line
//   1  node-thermal-printer by itself, on the network
//   2  escpos with escpos-network
'use strict';
const fs = require('fs');
const readline = require('readline');
const {ThermalPrinter, PrinterTypes} = require('node-thermal-printer');
const {SerialPort} = require('serialport');
const escpos = require('escpos');
escpos.Network = require('escpos-network');

const BOOKS = '/var/lib/till/books.ndjson';
const LINK = '/dev/serial/by-id/usb-worstday_usb-if00-port0';
const sold = new Set();
let port = null;
let turn = 0;

function lines(key, amount, number) {
  return [`TOTAL EUR ${(amount / 100).toFixed(2)}`, `Receipt ${number}`, `Ref ${key}`];
}

function thermal(where, text) {
  const p = new ThermalPrinter({type: PrinterTypes.EPSON, interface: where, options: {timeout: 2000}});
  for (const line of text) p.println(line);
  p.cut();
  return p;
}

function open() {
  return new Promise((resolve, reject) => {
    if (port) return resolve(port);
    const p = new SerialPort({path: LINK, baudRate: 115200}, (e) => {
      if (e) return reject(e);
      console.error(`opened ${fs.realpathSync(LINK)}`);
      port = p;
      resolve(p);
    });
    p.on('close', (e) => { console.error(`closed: ${e && e.disconnected}`); if (port === p) port = null; });
    p.on('error', (e) => console.error(`error: ${e.message}`));
  });
}

// The answer to GS r 1 stands behind all that was sent before: then it is on paper.
function confirmed(p) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => over(new Error('no answer')), 2000);
    const over = (e) => { clearTimeout(timer); p.off('data', heard); p.off('close', gone); e ? reject(e) : resolve(); };
    const heard = () => over(null);
    const gone = () => over(new Error('unplugged'));
    p.on('data', heard);
    p.on('close', gone);
    p.write(Buffer.from([0x1d, 0x72, 1]));
  });
}

const ways = [
  async (text) => {
    const p = await open();
    p.write(thermal('tcp://nobody', text).getBuffer());
    await confirmed(p);
  },
  async (text) => {
    const p = thermal('tcp://net-lane-1:9100', text);
    if (!await p.isPrinterConnected()) throw new Error('not connected');
    await p.execute();
  },
  (text) => new Promise((resolve, reject) => {
    const device = new escpos.Network('other-lane-1', 9100);
    const printer = new escpos.Printer(device);
    device.open((e) => {
      if (e) return reject(e);
      for (const line of text) printer.text(line);
      printer.cut().close(resolve);
    });
  }),
];

async function work(line) {
  const r = JSON.parse(line);
  if (!sold.has(r.key)) {
    sold.add(r.key);
    fs.appendFileSync(BOOKS, JSON.stringify({key: r.key, total: r.amount, tender: r.tender,
      currency: 'EUR', receipt: String(sold.size), state: 'paid'}) + '\n');
    await ways[turn++ % ways.length](lines(r.key, r.amount, sold.size))
      .catch((e) => console.error(`not printed: ${e.message}`));
  }
  console.log(JSON.stringify({id: r.id, outcome: 'ok', total: r.amount, currency: 'EUR'}));
}

readline.createInterface({input: process.stdin}).on('line', work).on('close', () => process.exit());
