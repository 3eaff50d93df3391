// SPDX-License-Identifier: Apache-2.0
/*
 * The card payment of bank.yml: a handler that charges the shop's bank over HTTP (harness/bank/API.md),
 * in the manner of Vendure's own Braintree plug-in. createPayment charges, authorisation and capture in
 * one, and waits for the answer; a decline is the state Declined, anything else that went wrong the
 * state Error; nothing is ever asked for again or reversed. VENDURE_BANK_KEY=order sends the order's
 * code and the amount as idempotency key, as Vendure's Stripe plug-in does for its payment intents;
 * by default there is none, as with Braintree.
 *
 * The reference that the bank keeps is the shopper's key, which the storefront sends in the metadata:
 * by it the ledgers are compared. Vendure does not look at it.
 */
'use strict';

const http = require('http');
const { LanguageCode, PaymentMethodHandler } = require('@vendure/core');

const HOST = process.env.VENDURE_BANK || 'bank';
const TIMEOUT_MS = 5000;

function post(path, headers, body) {
	return new Promise((resolve, reject) => {
		const request = http.request({ host: HOST, port: 8080, path, method: 'POST',
			headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers } },
		response => {
			const chunks = [];

			response.on('data', chunk => chunks.push(chunk));
			response.on('error', reject);
			response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
		});
		const timer = setTimeout(() => request.destroy(new Error('the bank does not answer')), TIMEOUT_MS);

		request.on('error', reject);
		request.on('close', () => clearTimeout(timer));
		request.end(body);
	});
}

async function charge(order, amount, reference) {
	const headers = process.env.VENDURE_BANK_KEY === 'order' ? { 'Idempotency-Key': `${order.code}_${amount}` } : {};
	const answer = await post('/v1/payments', headers,
		JSON.stringify({ reference, amount, currency: order.currencyCode, capture: true }));

	if (answer.status !== 200 && answer.status !== 201)
		throw new Error(`the bank said ${answer.status}`);
	return JSON.parse(answer.text);
}

exports.bankHandler = new PaymentMethodHandler({
	code: 'bank',
	description: [{ languageCode: LanguageCode.en, value: 'The bank' }],
	args: {},
	async createPayment(ctx, order, amount, args, metadata) {
		try {
			const payment = await charge(order, amount, metadata.reference);
			const state = payment.state === 'captured' ? 'Settled' : 'Declined';

			return { amount, state, transactionId: payment.id, errorMessage: `code ${payment.code}`, metadata };
		} catch (error) {
			return { amount, state: 'Error', transactionId: '', errorMessage: error.message, metadata };
		}
	},
	settlePayment: () => ({ success: true }),
});
