// SPDX-License-Identifier: Apache-2.0
/*
 * From an empty database to a shop that can sell: Vendure's own populate() with one country, one
 * tax, one shipping method, one payment method and the shelf of goods.csv. Prices there include
 * tax in minor units; Vendure's CSV wants major units.
 */
'use strict';

process.env.VENDURE_POPULATE = '1';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { ChannelService, RequestContextService, bootstrap } = require('@vendure/core');
const { importProductsFromCsv, populate } = require('@vendure/core/cli');
const { config } = require('./config');

const STOCK = 1000000;

const cash = { code: 'dummy-payment-handler', arguments: [{ name: 'automaticSettle', value: 'true' }] };
const card = process.env.VENDURE_BANK ? { code: 'bank', arguments: [] } : cash;

const initial = {
	defaultLanguage: 'en',
	defaultZone: 'Europe',
	countries: [{ name: 'France', code: 'FR', zone: 'Europe' }],
	taxRates: [{ name: 'Standard', percentage: 20 }],
	shippingMethods: [{ name: 'Over the counter', price: 0 }],
	paymentMethods: ['cash', 'card'].map(name => ({ name, handler: name === 'card' ? card : cash })),
	collections: [],
};

/* Vendure's import format: one product with one variant per article. */
function shelf() {
	const lines = fs.readFileSync(path.join(__dirname, 'goods.csv'), 'utf8').trim().split('\n').slice(1);
	const rows = lines.map(line => line.split(',')).map(([sku, price]) =>
		[sku, sku.toLowerCase(), '', '', '', '', '', sku, (price / 100).toFixed(2), 'standard', STOCK,
			'true', '', ''].join(','));
	return ['name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,' +
		'stockOnHand,trackInventory,variantAssets,variantFacets', ...rows].join('\n') + '\n';
}

async function price_in_euros_with_tax(app) {
	const ctx = await app.get(RequestContextService).create({ apiType: 'admin' });
	const channels = app.get(ChannelService);
	const { id } = await channels.getDefaultChannel(ctx);

	await channels.update(ctx, { id, pricesIncludeTax: true, availableCurrencyCodes: ['EUR'],
		defaultCurrencyCode: 'EUR' });
	return channels.findOne(ctx, id);
}

async function main() {
	const csv = path.join(os.tmpdir(), `shelf.${process.pid}.csv`);
	const start = Date.now();

	fs.writeFileSync(csv, shelf());
	const app = await populate(() => bootstrap(config), initial);
	const channel = await price_in_euros_with_tax(app);
	const { errors } = await importProductsFromCsv(app, csv, 'en', channel);
	fs.unlinkSync(csv);
	if (errors && errors.length)
		throw new Error(errors.join('; '));
	await app.close();
	console.log(`prepare: populated in ${((Date.now() - start) / 1000).toFixed(1)} s`);
	process.exit(0);
}

main().catch(error => { console.error(error); process.exit(1); });
