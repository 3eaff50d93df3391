/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_TARGET_H
#define WD_CONF_TARGET_H

#include "conf/opt.h"

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
/* how nodes find each other: by a name server on the wire, or by /etc/hosts */
enum resolve { RESOLVE_DNS, RESOLVE_HOSTS };
enum end_state { END_RUNNING, END_EXITED, END_ANY };

/** struct ready - how to tell that a service serves; at most one is set, none: started is ready. */
struct ready {
	char *http;	   /* ":8080/health" on its own node: any 2xx */
	char *tcp;	   /* ":5432" */
	char *log;	   /* regex on a log line */
	char *command;	   /* sh -c in the node: exit 0; polled */
	struct dur within; /* system, default 30s */
};

struct service {
	char *name; /* unique in the target; "${node}" expanded: "lane-1/till" is node/name */
	struct strlist run; /* argv; no shell. argv[0] relative: to the target's folder */
	char *user;	    /* the user it sees itself as; default the node's, "root" */
	struct strmap env;  /* the node's are in it already; its own win */
	char *cwd;	    /* default "/target" */
	struct ready ready;
	int restart; /* enum restart_policy */
	struct dur restart_delay;
	int end;	 /* enum end_state expected at the end of a trial */
	int stop_signal; /* OPT_ENUM of TERM, INT, QUIT, HUP: holds the signal number after loading
			  */
	struct dur stop_within; /* then SIGKILL */
	bool forks;		/* its main process leaves daemons behind and exits 0 */
	struct strlist after;	/* services (node/name or name) that must be ready first */
	struct mark mark;
};

struct data_dir {
	char *path; /* inside the node */
	char *seed; /* folder relative to the target file that it starts from; NULL: empty */
};

/** struct bank_conf - a node that is the payment host; without any port it is none. */
struct bank_conf {
	int64_t http;          /* port of its payment API; 0: none */
	int64_t iso8583;       /* port for ISO 8583; 0: none */
	int64_t iso_reference; /* the field there that names the sale */
};

enum device_kind { DEVICE_NONE, DEVICE_ESCPOS, DEVICE_ZVT, DEVICE_BARCODE, DEVICE_KINDS };
#define HAND_PORT 80 /* of a scanner's host: what is sent there by HTTP is held in front of it */
#define SERIAL_NAME_MAX 9 /* "ttyUSB999" */
/** struct device - something on the counter that the harness plays. */
struct device {
	char *name;   /* "printer" */
	int kind;     /* enum device_kind */
	int64_t port; /* TCP: it is a host on the wire; 0: it is none */
	char *serial; /* its name in /dev, if it hangs on a line: "ttyUSB0" */
	struct dur bank_timeout; /* a card terminal's: it waits so long for the bank; system */
	struct mark mark;
};
struct devices {
	struct device *at;
	size_t count;
};

struct node {
	char *name;   /* hostname too */
	int index;    /* 1-based within its group "lane-{1..3}", else 1 */
	char *rootfs; /* NULL: the host's /usr etc., read-only */
	char *user;   /* default for its services */
	struct strlist aliases; /* other names of it, dots allowed */
	struct strmap env;
	struct data_dir *data;
	size_t data_count;
	struct strmap
		mounts; /* path in the node → host path relative to the target file, read-only */
	struct service *services;
	size_t services_count;
	struct bank_conf bank;
	struct devices devices; /* that stand here; each has a node of its own */
	struct device device; /* what this node is; text borrowed from the node it stands at */
	char *stands_at;      /* owned: that node's name; NULL: it is no device */
	struct mark mark;
	struct strmap data_map;	      /* private: what `data` is made from */
	struct optlist services_list; /* private: owns `services` */
};

/** struct prepare - a command run once in a node to fill its data; result cached and copied. */
struct prepare {
	char *node;
	struct strlist run;
	char *user;
	struct strmap env;
	struct strlist
		inputs; /* files, folders (relative to target file) whose content keys the cache */
	struct strlist with; /* services that must be running meanwhile (a database) */
	struct dur within;   /* system, default 10min */
};

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

/** struct take - pull a value out of a reply into a variable. */
struct take {
	char *name;    /* variable; "receipt", "total", "currency", "approved" are told's fields */
	char *pointer; /* JSON pointer in the body */
	char *header;
	char *regex; /* group 1, on the body */
	char *cookie;
	char *field; /* `value:` constant or ${...} text */
	bool required;
};

/** struct http_step - one request of an action. Exactly one of get/post/... is a URL path. */
struct http_step {
	int method;
	char *url; /* "/sales/${key}" or "http://store:8080/x" */
	struct strmap headers;
	char *json; /* body as JSON text with ${...}; from the YAML tree */
	struct strmap form;
	char *body;	    /* raw text body */
	struct range ok;    /* status codes that mean success, default 200..299 */
	char *ok_pattern;   /* regex the body must match too */
	char *fail_pattern; /* regex that means unknown even with an ok status (GraphQL errors) */
	struct take *takes;
	size_t takes_count;
	char *only_if; /* "tender=card" or "tender!=card": skip the step otherwise */
	struct mark mark;
	struct optlist take_list; /* private: owns `takes` */
};

/*
 * ${...} in driver strings that the driver replaces when it runs; all others
 * were replaced on loading. `$${` stands for a literal `${` and is left to the
 * driver there. In `json` text they stand between quotes; a string that is one
 * variable alone becomes its value, "${total:text}" stays a string.
 */
extern const char *const runtime_vars[]; /* ends with NULL: "key", "sku", ... */

/* The action vocabulary, shared by http: and script: (and later counter:). */
enum action {
	ACT_OPEN_SESSION,
	ACT_SCAN,
	ACT_TOTAL,
	ACT_PAY,
	ACT_VOID,
	ACT_REFUND,
	ACT_SUSPEND,
	ACT_RESUME,
	ACT_CLOSE,
	ACT_REPRINT,
	ACT_OVERRIDE,
	ACT_SELL,
	ACTIONS_COUNT
};
extern const char *const action_names[ACTIONS_COUNT]; /* "open-session", "scan", ... */

struct http_action {
	struct http_step *steps;
	size_t count;
	bool given;
};

enum driver_kind { DRIVER_HTTP, DRIVER_SCRIPT, DRIVER_NULL };
struct driver {
	int kind;
	char *at; /* node the requests leave from; "${lane}" by default */
	/* http */
	char *base; /* "http://127.0.0.1:8000" */
	struct strmap headers;
	char *refused_pattern;	     /* regex on the body */
	struct range refused_status; /* first INT64_MIN: any status */
	struct http_action actions[ACTIONS_COUNT];
	bool session_per_shopper; /* cookies and session variables: per lane (default) or per
				     shopper */
	/* script */
	struct strlist script;	   /* argv */
	struct strlist script_ops; /* the actions it takes; names from action_names */
	struct strmap script_env;
	/* null: answers ok after nothing; for benchmarks */
};

struct good { /* an article on the shelf */
	char *sku;
	int64_t price; /* minor units; < 0: unknown */
	double weight; /* popularity */
};

enum books_kind { BOOKS_NONE, BOOKS_SQLITE, BOOKS_POSTGRES, BOOKS_HTTP, BOOKS_COMMAND };
struct books {
	int kind;
	char *node;
	char *file;	    /* sqlite: path in the node */
	char *connect;	    /* postgres: libpq string as used inside the node */
	char *url;	    /* http: JSON array of objects with the columns below */
	struct strlist run; /* command: prints the same array, or one object per line */
	/* SQL that yields columns by name. sales: key, total, [currency, receipt, series, lane,
	 * state, time, tender]; payments: key, amount, tender; stock: sku, qty; receipts: series,
	 * number; queue: n (unsynced sales). For http and command: "sales", "stock"... members of
	 * one object. */
	char *sales, *payments, *stock, *receipts, *queue, *lines;
	struct strmap invariants; /* name → SQL that must yield no row; columns: key, why */
	bool restart; /* stop and start the services once before the last reading */
	bool offline; /* what was sold offline is in them at once, too */
};

struct key_conf {
	int plant;   /* field | amount | marker */
	char *field; /* the driver's variable that carries it, default "key" */
	char *books; /* documentation of the column; "sales.key" */
	char *paper; /* regex, group 1 */
	char *bank;  /* field name */
};
enum key_plant { KEY_FIELD, KEY_AMOUNT, KEY_MARKER };

/** struct paper_conf - how to read a receipt: patterns, their first group; NULL: not given. */
struct paper_conf {
	char *receipt; /* its number */
	char *total;   /* what was paid, as printed: 12.95 */
	char *copy;    /* on copies only */
};

/** struct target - one POS, read and checked. Owned; target_free. */
struct target {
	char *path;   /* target.yml */
	char *folder; /* absolute folder of it */
	char *name, *title;
	char *like;     /* never set: the file was laid over it before */
	char *currency; /* "EUR" */
	struct key_conf key;
	struct paper_conf paper;
	int resolve;     /* enum resolve */
	struct node *nodes;
	size_t nodes_count;
	struct strlist lanes; /* node names in order; default: nodes named lane-* */
	struct strmap vars;   /* ${name} in strings below */
	struct prepare *prepare;
	size_t prepare_count;
	struct driver driver;
	struct good *goods;
	size_t goods_count;
	struct strlist likes; /* files of this folder that it lies over, by `like:` */
	char *goods_file; /* CSV sku,price[,weight]; instead of goods: */
	struct books books;
	struct optlist prepare_list;			 /* private: owns `prepare` */
	const struct yaml_node *nodes_node, *goods_node; /* private: NULL after loading */
	char *digest; /* hex SHA-256: of the target file and everything it names that is a file */
};

/**
 * target_load - by name (targets/NAME/target.yml) or path. "lane-{1..3}:" is
 * expanded to three nodes with ${node} and ${index}. Errors into diag; NULL then.
 */
struct target *target_load(const char *name_or_path, struct mark at, struct diag *diag);
void target_free(struct target *t);
const struct node *target_node(const struct target *t, const char *name);
/** node_bank - is it the payment host? */
static inline bool node_bank(const struct node *n)
{
	return n->bank.http || n->bank.iso8583;
}
/** node_terminal - is it a card terminal? What else stands on a counter is the counter's. */
static inline bool node_terminal(const struct node *n)
{
	return n->device.kind == DEVICE_ZVT;
}
static inline bool node_on_counter(const struct node *n)
{
	return n->device.kind && !node_terminal(n);
}
/** node_ours - is it a host that the harness plays? Nothing of the target runs there. */
static inline bool node_ours(const struct node *n)
{
	return node_bank(n) || n->device.kind;
}
/** node_wired - is it a host on the wire? A device on a serial line is none, but for scanners. */
static inline bool node_wired(const struct node *n)
{
	return !n->device.serial || n->device.port;
}
/** target_wired - how many nodes are; they are the first ones. */
size_t target_wired(const struct target *t);
/** serial_name - is this the name that a serial line has in /dev? */
bool serial_name(const char *text);
/** target_bank - the node that is the bank; NULL: it has none, the bank ledger stays empty. */
const struct node *target_bank(const struct target *t);
/** target_has_device - is there one of this enum device_kind on any counter? */
bool target_has_device(const struct target *t, int kind);
/** target_host - the node with this name or alias; NULL. */
const struct node *target_host(const struct target *t, const char *name);
/** target_no_node - the error "WHAT: target T has no node WORD; did you mean ...?" */
void target_no_node(const struct target *t, const char *word, struct mark at, const char *what,
		    struct diag *diag);
/** target_service - "store/store" or a unique service name; NULL if none. */
const struct service *target_service(const struct target *t, const char *name,
				     const struct node **ret_node);
extern const struct opt_table target_table;
/** target_names - tell of each file and folder that the target file names, relative to its folder
 * or absolute, in a fixed order; the same may come twice. */
typedef void (*target_name_fn)(void *arg, const char *name);
void target_names(const struct target *t, target_name_fn fn, void *arg);

/** driver_table, books_table - what `driver:` and `books:` may be, for help (opt_help) only. */
extern const struct opt_table driver_table, books_table;

#endif
