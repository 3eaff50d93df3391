/* SPDX-License-Identifier: Apache-2.0 */
/* The till: one program, started as a store, as a lane, or once to set up the shop. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"
#include "signals.h"
#include "till.h"

static const char usage[] =
	"till store --data DIR [--port 8080]\n"
	"till lane --name lane-1 --store http://store:8080 --data DIR [--port 8000]\n"
	"          [--printer DEVICE|serial:DEVICE|tcp:HOST:PORT] [--terminal HOST:PORT]\n"
	"          [--bank http://bank:8080] [--timeout MS] [--bank-timeout MS]\n"
	"          [--terminal-ack MS] [--terminal-timeout MS]\n"
	"          [--printer-rest MS] [--scanner DEVICE]\n"
	"          [--floor CENTS] [--offline-count N] [--offline-sum CENTS] [--offline-age S]\n"
	"till init --data DIR [--goods goods.csv] [--stock N]\n"
	"till bugs\n"
	"TILL_BUG=name in the environment starts it with one of `till bugs`.\n";

static const struct mode {
	const char *name;
	int (*run)(const struct options *o);
	int port;
} modes[] = {
	{"store", store_main, 8080},
	{"lane", lane_main, 8000},
	{"init", init_main, 0},
};

enum { OPT_NAME = 256, OPT_DATA, OPT_STORE, OPT_GOODS, OPT_PRINTER, OPT_SCANNER,
	OPT_TERMINAL, OPT_BANK, OPT_PORT, OPT_TIMEOUT, OPT_BANK_TIMEOUT,
	OPT_TERMINAL_TIMEOUT, OPT_TERMINAL_ACK,
	OPT_PRINTER_REST, OPT_FLOOR, OPT_COUNT, OPT_SUM, OPT_AGE, OPT_STOCK };

static const struct option longs[] = {
	{"name", required_argument, NULL, OPT_NAME},
	{"data", required_argument, NULL, OPT_DATA},
	{"store", required_argument, NULL, OPT_STORE},
	{"goods", required_argument, NULL, OPT_GOODS},
	{"printer", required_argument, NULL, OPT_PRINTER},
	{"scanner", required_argument, NULL, OPT_SCANNER},
	{"terminal", required_argument, NULL, OPT_TERMINAL},
	{"bank", required_argument, NULL, OPT_BANK},
	{"port", required_argument, NULL, OPT_PORT},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"bank-timeout", required_argument, NULL, OPT_BANK_TIMEOUT},
	{"terminal-timeout", required_argument, NULL, OPT_TERMINAL_TIMEOUT},
	{"terminal-ack", required_argument, NULL, OPT_TERMINAL_ACK},
	{"printer-rest", required_argument, NULL, OPT_PRINTER_REST},
	{"floor", required_argument, NULL, OPT_FLOOR},
	{"offline-count", required_argument, NULL, OPT_COUNT},
	{"offline-sum", required_argument, NULL, OPT_SUM},
	{"offline-age", required_argument, NULL, OPT_AGE},
	{"stock", required_argument, NULL, OPT_STOCK},
	{NULL, 0, NULL, 0},
};

static void set_text(struct options *o, int which, const char *text)
{
	const char **field = which == OPT_NAME	   ? &o->name :
			     which == OPT_DATA	   ? &o->data :
			     which == OPT_STORE	   ? &o->store :
			     which == OPT_GOODS	   ? &o->goods :
			     which == OPT_PRINTER  ? &o->printer :
			     which == OPT_SCANNER  ? &o->scanner :
			     which == OPT_TERMINAL ? &o->terminal :
			     which == OPT_BANK	   ? &o->bank :
						     NULL;

	if (field)
		*field = text;
}

static void set_number(struct options *o, int which, const char *text)
{
	int64_t n = strtoll(text, NULL, 10);
	int64_t *field = which == OPT_TIMEOUT ? &o->timeout_ms :
			 which == OPT_BANK_TIMEOUT ? &o->bank_ms :
			 which == OPT_TERMINAL_TIMEOUT ? &o->terminal_ms :
			 which == OPT_TERMINAL_ACK ? &o->terminal_ack_ms :
			 which == OPT_PRINTER_REST ? &o->printer_rest_ms :
			 which == OPT_FLOOR   ? &o->floor :
			 which == OPT_COUNT   ? &o->offline_count :
			 which == OPT_SUM     ? &o->offline_sum :
			 which == OPT_AGE     ? &o->offline_age_s :
			 which == OPT_STOCK   ? &o->stock :
						NULL;

	if (field)
		*field = n;
	if (which == OPT_PORT)
		o->port = (int)n;
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; name && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct mode *mode = find_mode(argv[1]);
	struct options o = {
		.name = "lane-1",
		.store = "http://store:8080",
		.timeout_ms = 2000,
		.bank_ms = 30000,
		.terminal_ms = 180000,
		.terminal_ack_ms = 5000,
		.printer_rest_ms = 10000,
		.floor = 5000,
		.offline_count = 500,
		.offline_sum = 2000000,
		.offline_age_s = 86400,
		.stock = 100000,
	};
	const char *printer;
	int opt;

	if (argv[1] && !strcmp(argv[1], "bugs")) {
		bug_list(stdout);
		return 0;
	}
	if (!bug_select(getenv("TILL_BUG"))) {
		fprintf(stderr, "no such bug: TILL_BUG=%s (see `till bugs`)\n", getenv("TILL_BUG"));
		return 2;
	}
	if (mode)
		o.port = mode->port;
	printer = getenv("TILL_PRINTER");
	while (mode && (opt = getopt_long(argc - 1, argv + 1, "", longs, NULL)) != -1) {
		if (opt == '?')
			mode = NULL;
		else
			set_text(&o, opt, optarg), set_number(&o, opt, optarg);
	}
	if (printer && o.printer) /* of all lanes, whatever each is told */
		o.printer = printer;
	if (!mode || !o.data) {
		fputs(usage, stderr);
		return 2;
	}
	signals_hold();
	return mode->run(&o);
}
