// SPDX-License-Identifier: Apache-2.0
/*
 * The shop's configuration, as `npx @vendure/create` would write it for a small shop: the shop API,
 * two payment handlers, no admin UI, no assets, no mail. VENDURE_DB=postgres (default) or sqljs.
 */
'use strict';

const path = require('path');

const { DefaultJobQueuePlugin, DefaultLogger, LogLevel, dummyPaymentHandler } =
	require('@vendure/core');
const { bankHandler } = require('./bank');

const databases = {
	postgres: {
		type: 'postgres', host: process.env.DB_HOST || 'db', port: 5432,
		username: 'vendure', password: 'vendure', database: 'vendure', schema: 'public',
	},
	/* one file, written whole after every change: what sql.js offers */
	sqljs: {
		type: 'sqljs', autoSave: true,
		location: process.env.VENDURE_FILE || '/var/lib/vendure/vendure.sqlite',
	},
};

const populating = process.env.VENDURE_POPULATE === '1';

exports.config = {
	apiOptions: { hostname: '0.0.0.0', port: 3000, cors: false },
	authOptions: {
		tokenMethod: 'bearer',
		superadminCredentials: { identifier: 'superadmin', password: 'not the default' },
		cookieOptions: { secret: 'a trial is not the internet' },
	},
	dbConnectionOptions: {
		...databases[process.env.VENDURE_DB || 'postgres'],
		synchronize: populating, migrations: [path.join(__dirname, 'migrations/*.js')], logging: false,
	},
	logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: false }),
	paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler, bankHandler] },
	plugins: [DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true })],
};
