#!/usr/bin/node
// SPDX-License-Identifier: Apache-2.0
/*
 * driver.js - the till in front of a Vendure shop: sells through the GraphQL shop API.
 *
 * Theory of operation. One JSON object per line comes in, one per line goes out; requests may
 * overlap. A sale goes the way a storefront takes it, in a session of its own (bearer token):
 *
 *     addItemToOrder (per article) - setCustomerForOrder - setOrderShippingAddress -
 *     setOrderShippingMethod - transitionOrderToState ArrangingPayment - addPaymentToOrder
 *
 * The sale's key is the name in the delivery address ("S42"), a plain field of every order; the
 * payment carries it in its metadata too.
 *
 * What is told: ok when addPaymentToOrder answered with the order in PaymentSettled; refused when
 * a mutation answered with one of Vendure's own ErrorResults, which means that it did nothing;
 * unknown for anything else (no answer, timeout, HTTP 5xx, GraphQL errors). A key tried before is
 * looked up by the session that tried it: a settled order is told again, one that waits for its
 * payment is paid, anything else is begun anew.
 *
 * A till waits for its server: a connection that is refused is tried again until the deadline, since
 * nothing was sent. That is not a second try of anything.
 *
 * Environment: POS_URL (http://app:3000/shop-api). Node's own modules only.
 */
'use strict';

const http = require('http');
const readline = require('readline');

const URL_ = new URL(process.env.POS_URL || 'http://app:3000/shop-api');
const PAID = ['PaymentSettled', 'PartiallyShipped', 'Shipped', 'PartiallyDelivered', 'Delivered'];
const ORDER = 'code state currencyCode totalWithTax';
const RESULT = `{ __typename ... on Order { ${ORDER} } ... on ErrorResult { errorCode message } }`;

class Refused extends Error {}
class Unknown extends Error {}

/* what every sale needs to know of the shop, read once: article ids by sku, the shipping method */
const shop = { variants: null, shipping: null };
const tried = new Map(); /* key -> { token, code } */

async function send(what, body, token, deadline) {
	for (;;) {
		try {
			return await send_once(what, body, token, deadline);
		} catch (error) {
			if (error.code !== 'ECONNREFUSED' || deadline - Date.now() < 100)
				throw error;
			await new Promise(resolve => setTimeout(resolve, 50));
		}
	}
}

/* Vendure does not read `?what`; it tells the calls apart for faults (`request:`) and logs. */
function send_once(what, body, token, deadline) {
	const left = deadline - Date.now();

	return new Promise((resolve, reject) => {
		const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };

		if (left <= 0)
			return reject(new Unknown('deadline passed'));
		if (token)
			headers.Authorization = `Bearer ${token}`;
		const request = http.request(`${URL_}?${what}`, { method: 'POST', headers, agent: false }, response => {
			const parts = [];

			response.on('data', part => parts.push(part));
			response.on('error', reject);
			response.on('aborted', () => reject(new Unknown('answer cut short')));
			response.on('end', () => resolve({ response, text: Buffer.concat(parts).toString() }));
		});
		const timer = setTimeout(() => request.destroy(new Unknown('no answer in time')), left);

		request.on('error', reject);
		request.on('close', () => clearTimeout(timer));
		request.end(body);
	});
}

async function ask(session, query, variables, deadline) {
	const what = /\{\s*(\w+)/.exec(query)[1];
	let answer;

	try {
		answer = await send(what, JSON.stringify({ query, variables }), session.token, deadline);
	} catch (error) {
		throw new Unknown(`${what}: ${error.message}`);
	}
	session.token = answer.response.headers['vendure-auth-token'] || session.token;
	if (answer.response.statusCode !== 200)
		throw new Unknown(`${what}: HTTP ${answer.response.statusCode}`);
	return result_of(what, answer.text);
}

function result_of(what, text) {
	let body;

	try {
		body = JSON.parse(text);
	} catch {
		throw new Unknown(`${what}: not JSON`);
	}
	if (body.errors)
		throw new Unknown(`${what}: ${body.errors[0].message}`);
	const result = body.data[what];

	if (result && result.errorCode)
		throw new Refused(`${what}: ${result.errorCode}: ${result.message}`);
	return result;
}

async function read_shop(deadline) {
	if (shop.variants)
		return;
	const { items } = await ask({}, 'query { products(options: { take: 100 }) { items { variants { id sku } } } }',
		{}, deadline);

	shop.variants = new Map(items.flatMap(p => p.variants).map(v => [v.sku, v.id]));
}

async function ring_up(session, request, deadline) {
	for (const { sku, qty } of request.items) {
		if (!shop.variants.has(sku))
			throw new Refused(`no article ${sku}`);
		const order = await ask(session, `mutation ($id: ID!, $qty: Int!) {
			addItemToOrder(productVariantId: $id, quantity: $qty) ${RESULT} }`,
		{ id: shop.variants.get(sku), qty }, deadline);

		session.code = order.code;
	}
}

async function check_out(session, key, deadline) {
	await ask(session, `mutation ($c: CreateCustomerInput!) { setCustomerForOrder(input: $c) ${RESULT} }`,
		{ c: { emailAddress: `${key.toLowerCase()}@shoppers.example.com`, firstName: key, lastName: 'Shopper' } },
		deadline);
	await ask(session, `mutation ($a: CreateAddressInput!) { setOrderShippingAddress(input: $a) ${RESULT} }`,
		{ a: { fullName: key, streetLine1: 'At the counter', countryCode: 'FR' } }, deadline);
	if (!shop.shipping)
		shop.shipping = (await ask(session, 'query { eligibleShippingMethods { id } }', {}, deadline))[0].id;
	await ask(session, `mutation ($m: [ID!]!) { setOrderShippingMethod(shippingMethodId: $m) ${RESULT} }`,
		{ m: [shop.shipping] }, deadline);
	await ask(session, `mutation { transitionOrderToState(state: "ArrangingPayment") ${RESULT} }`, {}, deadline);
}

function pay(session, key, tender, deadline) {
	return ask(session, `mutation ($p: PaymentInput!) { addPaymentToOrder(input: $p) ${RESULT} }`,
		{ p: { method: tender, metadata: { reference: key } } }, deadline);
}

/*
 * What became of an earlier try: the order if it can still be used, else null. As long as it is not
 * placed, Vendure shows a guest's order as the session's active one only.
 */
async function look_back(session, deadline) {
	if (!session || !session.code)
		return null;
	const active = await ask(session, `query { activeOrder { ${ORDER} } }`, {}, deadline);

	if (active && active.code === session.code)
		return active;
	return ask(session, `query ($c: String!) { orderByCode(code: $c) { ${ORDER} } }`,
		{ c: session.code }, deadline);
}

async function sell(request, deadline) {
	const { key, tender = 'card' } = request;
	let session = tried.get(key);

	await read_shop(deadline);
	let order = await look_back(session, deadline);

	if (!order || (order.state !== 'ArrangingPayment' && !PAID.includes(order.state))) {
		session = {};
		tried.set(key, session);
		await ring_up(session, request, deadline);
		await check_out(session, key, deadline);
		order = { state: 'ArrangingPayment' };
	}
	if (order.state === 'ArrangingPayment')
		order = await pay(session, key, tender, deadline);
	if (!PAID.includes(order.state))
		throw new Unknown(`the order is still ${order.state}`);
	return { outcome: 'ok', receipt: order.code, total: order.totalWithTax, currency: order.currencyCode };
}

/*
 * The till does one thing at a time with one sale: a try that the cashier has given up may be an
 * instant from its end when the next one comes, and would pay the order that this one takes for dead.
 */
const trying = new Map(); /* key -> the end of its latest try */

function one_at_a_time(request, deadline) {
	const before = trying.get(request.key) || Promise.resolve();
	const mine = before.then(() => sell(request, deadline));

	trying.set(request.key, mine.catch(() => {}));
	return mine;
}

const ops = { sell: one_at_a_time };

async function handle(request) {
	const deadline = Date.now() + (request.deadline_ms || 60000);

	try {
		if (!ops[request.op])
			return { outcome: 'unknown', error: `no such op: ${request.op}` };
		return await ops[request.op](request, deadline);
	} catch (error) {
		return { outcome: error instanceof Refused ? 'refused' : 'unknown', error: error.message };
	}
}

readline.createInterface({ input: process.stdin }).on('line', async line => {
	if (!line.trim())
		return;
	const request = JSON.parse(line);

	process.stdout.write(JSON.stringify({ id: request.id, ...await handle(request) }) + '\n');
});
