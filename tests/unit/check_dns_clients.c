/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name server on the wire, asked by resolvers that other people wrote:
 * glibc, musl, c-ares (in Node), Go's own, Java's JNDI, busybox. Each runs in
 * a node's network with a node's resolv.conf, meets each fault, and must say
 * what it says of a real name server in that state.
 *
 *   node 1: resolver ── eth0 ── switch ── responder
 *
 * Expected: the words of the table. Buggy result: a resolver that times out
 * where it was answered, or takes NXDOMAIN for a server that is out of order.
 * A resolver that is not installed is left out, and the output says so; root
 * and /dev/net/tun are needed, else all is skipped.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "wire/room.h"
#include "wire/rule.h"
#include "tests/unit/suite.h"

static char folder[512]; /* of the whole program; removed at its end */

/* ---- programs ---- */

static const char look_c[] =
	"#include <netdb.h>\n#include <stdio.h>\n#include <string.h>\n#include <sys/socket.h>\n"
	"int main(int n, char **v) {\n"
	" struct addrinfo h = { .ai_socktype = SOCK_STREAM }, *a; char t[99];\n"
	" int r = getaddrinfo(v[1], \"80\", &h, &a);\n"
	" if (r) return printf(\"error %d\\n\", r), 0;\n"
	" for (; a; a = a->ai_next)\n"
	"  if (!getnameinfo(a->ai_addr, a->ai_addrlen, t, 99, 0, 0, NI_NUMERICHOST))\n"
	"   printf(\"%s \", t);\n"
	" puts(\"\"); return n < 0; }\n";
static const char look_go[] =
	"package main\nimport (\"fmt\"; \"net\"; \"os\"; \"errors\"; \"sort\")\n"
	"func main() {\n a, err := net.LookupHost(os.Args[1])\n var d *net.DNSError\n"
	" if errors.As(err, &d) { fmt.Println(\"error notfound\", d.IsNotFound, \"timeout\", "
	"d.IsTimeout, \"temporary\", d.IsTemporary); return }\n"
	" sort.Strings(a)\n for _, x := range a { fmt.Print(x, \" \") }\n fmt.Println()\n}\n";
static const char look_java[] =
	"import javax.naming.directory.*; import java.util.*;\n"
	"class Look { public static void main(String[] a) throws Exception {\n"
	" Hashtable<String, String> e = new Hashtable<>();\n"
	" e.put(\"java.naming.factory.initial\", \"com.sun.jndi.dns.DnsContextFactory\");\n"
	" e.put(\"java.naming.provider.url\", \"dns://10.77.0.253/\");\n"
	" try { System.out.println(new InitialDirContext(e).getAttributes(a[0],\n"
	"  new String[] {\"A\", \"AAAA\"})); }\n"
	" catch (Exception x) { System.out.println(x.getClass().getSimpleName()); } } }\n";

enum situation { FINE, NXDOMAIN, SERVFAIL, REFUSED, SILENCE, SLOW, WRONG, OVER_TCP, SITUATIONS };
static const char *const situation_names[SITUATIONS] = {
	"nothing", "nxdomain", "servfail", "refused", "silence", "slow", "wrong", "over TCP" };

/* What each must print, as a pattern; NULL: not asked. $D is the folder. */
static const struct client {
	const char *name, *needs, *command;
	const char *says[SITUATIONS];
} clients[] = {
	{ "glibc", NULL, "$D/look store",
	  { "^fd77::1 10\\.77\\.0\\.1 |"
	    "^10\\.77\\.0\\.1 fd77::1 ", "^error -2", "^error -3",
	    "^error -3", "^error -3", "10\\.77\\.0\\.1", "10\\.77\\.0\\.254", "10\\.77\\.0\\.1" } },
	{ "glibc, reverse", NULL, "getent hosts 10.77.0.1; getent hosts fd77::1",
	  { "^10\\.77\\.0\\.1 +store\\.shop\\.test\\s+fd77::1 +store\\.shop\\.test", "^$", "^$",
	    "^$", "^$", "store\\.shop\\.test", NULL, "store\\.shop\\.test" } },
	{ "glibc, an alias", NULL, "$D/look api.bank.example",
	  { "10\\.77\\.0\\.1", NULL, NULL, NULL, NULL, NULL, NULL, NULL } },
	{ "glibc, nobody", NULL, "$D/look nobody.example",
	  { "^error -2", NULL, NULL, NULL, NULL, NULL, NULL, "^error -2" } },
	{ "python", NULL,
	  "python3 -c \"import socket; print(sorted({a[4][0] for a in "
	  "socket.getaddrinfo('store', 80)}))\" 2>&1 | tail -n 1",
	  { "^\\['10.77.0.1', 'fd77::1'\\]", "not known", "Temporary", "Temporary", "Temporary",
	    "10.77.0.1", "10.77.0.254", "10.77.0.1" } },
	{ "musl", "musl-gcc", "$D/look-musl store",
	  { "10\\.77\\.0\\.1", "^error -2", "^error -3", "^error -3", "^error -3",
	    "10\\.77\\.0\\.1", "10\\.77\\.0\\.254", NULL } },
	{ "musl, nobody", "musl-gcc", "$D/look-musl nobody.example",
	  { "^error -2", NULL, NULL, NULL, NULL, NULL, NULL, NULL } },
	{ "c-ares in Node", "node",
	  "node -e \"const d=require('dns');"
	  "const r=new d.Resolver({timeout:+process.env.MS,tries:2});"
	  "r.setServers(d.getServers());"
	  "r.resolve4('store.shop.test',(e,a)=>r.resolve6('store.shop.test',(f,b)=>"
	  "console.log(e?e.code:a[0],f?f.code:b[0])))\"",
	  { "^10.77.0.1 fd77::1", "^ENOTFOUND ENOTFOUND", "^ESERVFAIL ESERVFAIL",
	    "^EREFUSED EREFUSED|^ECONNREFUSED", "^ETIMEOUT ETIMEOUT", "^10.77.0.1 fd77::1",
	    "^10.77.0.254 fd77::fe", NULL } },
	{ "c-ares, no such record", "node",
	  "node -e \"const d=require('dns');d.resolveMx('store.shop.test',(e,a)=>"
	  "d.resolve4('nobody.shop.test',(f,b)=>d.reverse('10.77.0.1',(g,c)=>"
	  "console.log(e&&e.code,f&&f.code,c))))\"",
	  { "^ENODATA ENOTFOUND \\[ 'store.shop.test' \\]", NULL, NULL, NULL, NULL, NULL, NULL,
	    NULL } },
	{ "Go", "go", "$D/look-go store",
	  { "^10.77.0.1 fd77::1", "^error notfound true timeout false",
	    "^error notfound false.*temporary true", "^error notfound false",
	    "^error notfound false timeout true", "^10.77.0.1 fd77::1",
	    "^10.77.0.254 fd77::fe", "^10.77.0.1 fd77::1" } },
	{ "Java (JNDI)", "java", "java $D/Look.java store.shop.test",
	  { "A: 10.77.0.1", "^NameNotFoundException", NULL, NULL, NULL,
	    NULL, NULL, NULL } },
	{ "busybox", "busybox", "busybox nslookup store.shop.test 2>&1",
	  { "Address: 10.77.0.1", "NXDOMAIN", "SERVFAIL", "REFUSED", NULL,
	    "Address: 10.77.0.1", "Address: 10.77.0.254", NULL } },
};

static bool have(const char *program)
{
	cleanup_free char *line = xasprintf("command -v %s >/dev/null 2>&1", program);

	return system(line) == 0;
}

static void put(const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", folder, name);
	cleanup_file FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0)
		exit(1);
}

/* What is not there is told; what is there must build. */
static int programs_build(void)
{
	cleanup_free char *line = xasprintf(
		"cd %s && cc -o look look.c && if command -v musl-gcc >/dev/null; "
		"then musl-gcc -static -o look-musl look.c; fi && if command -v go >/dev/null; "
		"then mkdir -p go && HOME=%s CGO_ENABLED=0 GOFLAGS=-p=1 GO111MODULE=off "
		"go build -o look-go look.go; fi", folder, folder);

	put("look.c", look_c);
	put("look.go", look_go);
	put("Look.java", look_java);
	put("hosts", "127.0.0.1 localhost\n10.77.0.2 lane-1.shop.test lane-1\n");
	put("resolv.conf", "nameserver 10.77.0.253\nsearch shop.test\n");
	put("resolv.brief", "nameserver 10.77.0.253\nsearch shop.test\n"
	    "options timeout:1 attempts:1\n");
	put("resolv.tcp", "nameserver 10.77.0.253\nsearch shop.test\noptions use-vc\n");
	put("nsswitch.conf", "hosts: files dns\n");
	return system(line);
}

/* ---- the wire ---- */

struct lan {
	struct wire *wire;
	struct loop *loop;
	int home, net[2];
};

static void names_add(struct wire_names *w, const char *text, uint16_t node, bool own)
{
	snprintf(w->at[w->count].text, sizeof(w->at[0].text), "%s", text);
	w->at[w->count].node = node;
	w->at[w->count++].own = own;
}

static void lan_open(struct lan *l)
{
	static struct wire_names names;
	struct err e = { 0 };

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	l->home = open("/proc/thread-self/ns/net", O_RDONLY);
	ck_assert_msg(wire_new(&l->wire, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(loop_new(&l->loop, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
		l->net[i] = open("/proc/thread-self/ns/net", O_RDONLY);
		ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
		ck_assert_msg(wire_attach(l->wire, l->net[i], i, &e) == 0, "%s", e.msg);
	}
	names.v6 = true;
	names_add(&names, "store", 0, true);
	names_add(&names, "lane-1", 1, true);
	names_add(&names, "api.bank.example", 0, false);
	ck_assert_msg(wire_names_set(l->wire, &names, &e) == 0, "%s", e.msg);
}

static void bind_file(const char *name, const char *onto)
{
	cleanup_free char *from = xasprintf("%s/%s", folder, name);

	if (mount(from, onto, NULL, MS_BIND, NULL) < 0)
		_exit(120);
}

/* The resolver's process: a node's network and a node's files. */
static _Noreturn void run_client(const struct lan *l, const char *command, enum situation s,
				 int out)
{
	bool brief = s == SERVFAIL || s == REFUSED || s == SILENCE; /* else they would try on */

	if (setns(l->net[1], CLONE_NEWNET) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(121);
	bind_file(s == OVER_TCP ? "resolv.tcp" : brief ? "resolv.brief" : "resolv.conf",
		  "/etc/resolv.conf");
	bind_file("hosts", "/etc/hosts");
	bind_file("nsswitch.conf", "/etc/nsswitch.conf");
	dup2(out, 1);
	setenv("D", folder, 1);
	setenv("MS", s == SILENCE ? "300" : "5000", 1);
	setenv("LC_ALL", "C", 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(122);
}

static void on_hit(void *arg, const struct wire_dns_hit *h)
{
	*(uint64_t *)arg += h->count;
}

static bool rule_for(enum situation s, struct wire_dns_rule *r)
{
	*r = (struct wire_dns_rule){ .name = "dns.test.0", .seed = 1, .nodes = { 2 },
				     .gate = gate_all(), .chance = 1 };
	switch (s) {
	case FINE:
	case OVER_TCP:
		return false;
	case SLOW:
		r->effect = WIRE_DNS_SLOW;
		r->delay_ns = 50 * NS_PER_MS;
		return true;
	case WRONG:
		r->effect = WIRE_DNS_WRONG;
		r->host = WIRE_NOBODY_HOST;
		return true;
	default:
		r->how = (uint8_t)(s - NXDOMAIN + WIRE_DNS_NXDOMAIN);
		return true;
	}
}

static void ask(struct lan *l, const struct client *c, enum situation s)
{
	struct wire_dns_rule rule;
	struct err e = { 0 };
	struct regex *says;
	char text[2000];
	uint64_t hits = 0;
	unsigned id = 0;
	int64_t began = clock_now();
	int pp[2], status;
	size_t got = 0;
	ssize_t n;
	bool armed = rule_for(s, &rule);
	pid_t pid;

	if (armed)
		ck_assert_int_eq(wire_dns_add(l->wire, l->loop, &rule, on_hit, &hits, &id, &e), 0);
	ck_assert_int_eq(pipe2(pp, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		run_client(l, c->command, s, pp[1]);
	close(pp[1]);
	while (got < sizeof(text) - 1 && (n = read(pp[0], text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)n;
	text[got] = '\0';
	close(pp[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 120, "%s: %d", c->name, status);
	if (armed) {
		ck_assert_int_eq(wire_dns_del(l->wire, id, &e), 0);
		ck_assert_msg(hits > 0, "%s, %s: never hit; %s", c->name, situation_names[s], text);
	}
	ck_assert_int_eq(regex_new(&says, c->says[s], &e), 0);
	ck_assert_msg(regex_match(says, text, strlen(text)), "%s, %s: says \"%s\", not /%s/",
		      c->name, situation_names[s], text, c->says[s]);
	regex_free(says);
	if (s == SLOW)
		ck_assert_int_ge(clock_now() - began, 50 * NS_PER_MS);
}

START_TEST(a_client)
{
	const struct client *c = &clients[_i];
	struct lan l;

	lan_open(&l);
	for (enum situation s = 0; s < SITUATIONS; s++)
		if (c->says[s])
			ask(&l, c, s);
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

/* ---- the suite ---- */

static bool can_wire(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || open("/dev/net/tun", O_RDWR) < 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static void add_clients(TCase *tc)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		if (clients[i].needs && !have(clients[i].needs))
			printf("# without %s: %s is not installed\n", clients[i].name,
			       clients[i].needs);
		else
			tcase_add_loop_test(tc, a_client, (int)i, (int)i + 1);
	}
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *line = NULL;
	Suite *s = suite_create("dns_clients");
	TCase *tc = tcase_create("dns_clients");
	int failed;

	snprintf(folder, sizeof(folder), "%s/wd-dns-XXXXXX", tmp ? tmp : "/tmp");
	if (!can_wire()) {
		printf("# SKIP dns_clients: not root, or no /dev/net/tun\n");
		return 0;
	}
	if (!mkdtemp(folder) || programs_build() != 0)
		return 1;
	tcase_set_timeout(tc, 60);
	add_clients(tc);
	suite_add_tcase(s, tc);
	failed = suite_main(s);
	line = xasprintf("rm -rf '%s'", folder);
	return system(line) != 0 || failed != 0;
}
