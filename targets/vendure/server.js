// SPDX-License-Identifier: Apache-2.0
/* The server, and its job queue in the same process: one till shop, one process. */
'use strict';

const { JobQueueService, bootstrap } = require('@vendure/core');
const { config } = require('./config');

bootstrap(config).then(app => app.get(JobQueueService).start()).catch(error => {
	console.error(error);
	process.exit(1);
});
