// SPDX-License-Identifier: Apache-2.0
/*
 * The server, and its job queue in the same process: one till shop, one process. VENDURE_MIGRATE=1:
 * the database is brought up to date first, as Vendure's own guide to upgrading has it.
 */
'use strict';

const { JobQueueService, bootstrap, runMigrations } = require('@vendure/core');
const { config } = require('./config');

async function main() {
	if (process.env.VENDURE_MIGRATE === '1')
		await runMigrations(config);
	const app = await bootstrap(config);

	await app.get(JobQueueService).start();
}

main().catch(error => {
	console.error(error);
	process.exit(1);
});
