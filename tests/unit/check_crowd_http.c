// SPDX-License-Identifier: Apache-2.0
/*
 * The http driver against a server that misbehaves as its URL says.
 *
 *   test ── loopback ──► server (child) ── one process per connection
 *                          │ counts and the last request in shared memory
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_crowd.h"
#include "tests/unit/suite.h"

#define S(text) ((char *)(uintptr_t)text)

/* ---- the server ---- */

struct shared {
	int requests, connections, with_cookie;
	char last[8192];
};
static struct shared *shared;
static pid_t server;
static int port;

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		_exit(0);
}

static void reply(int fd, int status, const char *headers, const char *body)
{
	char text[4096];

	snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", status,
		 headers, strlen(body), body);
	say(fd, text);
}

static void reset_and_exit(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	_exit(0);
}

static void huge(int fd)
{
	char chunk[4097];

	memset(chunk, 'x', sizeof(chunk) - 1);
	chunk[4096] = '\0';
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n");
	for (int i = 0; i < 1024; i++)
		say(fd, chunk);
}

static bool is_path(const char *req, const char *path)
{
	const char *at = strchr(req, '/');

	return at && strncmp(at, path, strlen(path)) == 0;
}

/* One request; nth of its connection, from 1. */
static void serve(int fd, const char *req, int nth)
{
	if (is_path(req, "/refused"))
		reply(fd, 402, "", "{\"error\":\"card declined\"}\nmore");
	else if (is_path(req, "/busy"))
		reply(fd, 503, "", "try later");
	else if (is_path(req, "/busy-declined"))
		reply(fd, 503, "", "declined");
	else if (is_path(req, "/graphql"))
		reply(fd, 200, "", "{\"errors\":[1]}");
	else if (is_path(req, "/reset"))
		reset_and_exit(fd);
	else if (is_path(req, "/hangup"))
		_exit(0);
	else if (is_path(req, "/garbage"))
		say(fd, "HELLO, I AM A TILL\r\n\r\n");
	else if (is_path(req, "/half"))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"), _exit(0);
	else if (is_path(req, "/huge"))
		huge(fd);
	else if (is_path(req, "/silent"))
		pause();
	else if (is_path(req, "/login"))
		reply(fd, 200, "Set-Cookie: sid=abc123; Path=/\r\nX-Token: t-9 \r\n", "{}");
	else if (is_path(req, "/once") && nth > 1)
		_exit(0); /* the kept-alive connection dies after the request has been read */
	else
		reply(fd, 200, "Content-Type: application/json\r\n",
		      "{\"sale\":{\"id\":17,\"no\":\"1-17\"},\"sum\":\"12.95\",\"cur\":\"CHF\","
		      "\"off\":true}");
}

/* A whole request in buf, or false when the peer is gone. */
static bool read_request(int fd, char *buf, size_t size)
{
	size_t len = 0, body = 0;
	char *end = NULL;

	while (!end || len < (size_t)(end - buf) + 4 + body) {
		ssize_t n = recv(fd, buf + len, size - 1 - len, 0);
		char *cl;

		if (n <= 0)
			return false;
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		cl = strcasestr(buf, "\nContent-Length:");
		body = cl ? (size_t)atol(cl + 16) : 0;
	}
	return true;
}

static void serve_connection(int fd)
{
	char buf[8192];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int nth = 1; read_request(fd, buf, sizeof(buf)); nth++) {
		__atomic_add_fetch(&shared->requests, 1, __ATOMIC_SEQ_CST);
		if (strcasestr(buf, "Cookie: sid=abc123"))
			__atomic_add_fetch(&shared->with_cookie, 1, __ATOMIC_SEQ_CST);
		memcpy(shared->last, buf, sizeof(buf));
		serve(fd, buf, nth);
	}
	_exit(0);
}

static void serve_all(int listener)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		__atomic_add_fetch(&shared->connections, 1, __ATOMIC_SEQ_CST);
		if (fork() == 0) {
			close(listener);
			serve_connection(fd);
		}
		close(fd);
	}
}

static void server_start(int at_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)at_port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	socklen_t len = sizeof(a);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ck_assert(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 64) == 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	port = ntohs(a.sin_port);
	server = fork();
	if (server == 0)
		serve_all(fd);
	close(fd);
}

static void server_stop(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
}

/* ---- a shop in front of it ---- */

static struct kit k;
static struct http_step step[8];
static struct take takes[8];
static char base[64];
static unsigned sockets_made;

static int world_socket(void *arg, const char *node, int domain, int type, int protocol)
{
	(void)arg;
	sockets_made += strncmp(node, "lane-", 5) == 0;
	return socket(domain, type, protocol);
}

static const char *world_address(void *arg, const char *node)
{
	(void)arg;
	(void)node;
	return "127.0.0.1";
}

static void give(enum action a, unsigned first, size_t count)
{
	k.t.driver.actions[a] = (struct http_action){ .steps = &step[first], .count = count,
						      .given = true };
}

static void setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	memset(step, 0, sizeof(step));
	memset(takes, 0, sizeof(takes));
	sockets_made = 0;
	server_start(0);
	kit_init(&k, 1);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);
	k.t.driver.kind = DRIVER_HTTP;
	k.t.driver.base = base;
	k.o.world.socket = world_socket;
	k.o.world.address = world_address;
	k.x.shoppers.count = 1;
	k.x.shoppers.retries = 0;
	step[0] = (struct http_step){ .method = HTTP_POST, .url = S("/sales"),
				      .json = S("{\"key\":\"${key}\"}") };
	give(ACT_SELL, 0, 1);
}

static void teardown(void)
{
	kit_done(&k);
	server_stop();
	munmap(shared, sizeof(*shared));
}

static void shop(void)
{
	struct err e = { 0 };

	ck_assert_msg(crowd_new(&k.c, &k.o, &e) == 0, "%s", e.msg);
	ck_assert_msg(crowd_open(k.c, clock_now() + NS_PER_S, &k.first_ns, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(kit_run(&k, 20 * NS_PER_S), 0);
}

static const char *body(void)
{
	const char *b = strstr(shared->last, "\r\n\r\n");

	return b ? b + 4 : "";
}

/* ---- requests ---- */

START_TEST(a_sale)
{
	takes[0] = (struct take){ .name = S("receipt"), .pointer = S("/sale/no"),
				  .required = true };
	takes[1] = (struct take){ .name = S("total"), .pointer = S("/sum") };
	takes[2] = (struct take){ .name = S("currency"), .pointer = S("/cur") };
	takes[3] = (struct take){ .name = S("offline"), .pointer = S("/off") };
	step[0].takes = takes;
	step[0].takes_count = 4;
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_str_eq(k.told[0].receipt, "1-17");
	ck_assert_str_eq(k.told[0].currency, "CHF");
	ck_assert_int_eq(k.told[0].total, 1295);
	ck_assert(k.told[0].offline);
	ck_assert_str_eq(body(), "{\"key\":\"S0\"}");
	ck_assert_ptr_nonnull(strstr(shared->last, "POST /sales HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strcasestr(shared->last, "Content-Type: application/json\r\n"));
	ck_assert_ptr_null(strcasestr(shared->last, "Expect:"));
	ck_assert_uint_eq(sockets_made, 1);
}
END_TEST

START_TEST(connection_is_kept)
{
	k.x.shoppers.count = 50;
	shop();
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 50);
	ck_assert_int_eq(shared->connections, 1);
	ck_assert_int_eq(shared->requests, 50);
}
END_TEST

/* Values of one step are variables of the next, with their JSON type. */
START_TEST(steps_hand_on_values)
{
	struct strpair head[] = { { .key = S("X-Token"), .value = S("${token}") } };

	takes[0] = (struct take){ .name = S("token"), .header = S("x-token"), .required = true };
	takes[1] = (struct take){ .name = S("sid"), .cookie = S("sid"), .required = true };
	takes[2] = (struct take){ .name = S("id"), .pointer = S("/sale/id"), .required = true };
	takes[3] = (struct take){ .name = S("both"), .field = S("${sid}+${id}") };
	takes[4] = (struct take){ .name = S("dig"), .regex = S("\"no\":\"1-(\\d+)") };
	step[0] = (struct http_step){ .method = HTTP_GET, .url = S("/login?lane=${lane}"),
				      .takes = takes, .takes_count = 2 };
	step[1] = (struct http_step){ .method = HTTP_GET, .url = S("/x"), .takes = takes + 2,
				      .takes_count = 3 };
	step[2] = (struct http_step){ .method = HTTP_PUT, .url = S("/sales/${id}"),
				      .json = S("{\"i\":\"${id}\",\"t\":\"${id:text}\",\"b\":"
						"\"<${both}>\",\"d\":\"${dig}\"}"),
				      .headers = { .at = head, .count = 1 } };
	give(ACT_SELL, 0, 3);
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_str_eq(body(), "{\"i\":17,\"t\":\"17\",\"b\":\"<abc123+17>\",\"d\":\"17\"}");
	ck_assert_ptr_nonnull(strstr(shared->last, "PUT /sales/17 HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(shared->last, "X-Token: t-9\r\n"));
	ck_assert_int_eq(shared->with_cookie, 2); /* the cookie came back by itself */
}
END_TEST

START_TEST(form_body)
{
	struct strpair form[] = { { .key = S("the key"), .value = S("a&b=${key} ä") },
					 { .key = S("lane"), .value = S("${lane}") } };

	step[0].json = NULL;
	step[0].form = (struct strmap){ .at = form, .count = 2 };
	shop();
	ck_assert_str_eq(body(), "the%20key=a%26b%3DS0%20%C3%A4&lane=lane-1");
	ck_assert_ptr_nonnull(strcasestr(shared->last, "application/x-www-form-urlencoded"));
}
END_TEST

START_TEST(only_if_it_applies)
{
	step[0] = (struct http_step){ .method = HTTP_POST, .url = S("/card"),
				      .only_if = S("tender=card") };
	step[1] = (struct http_step){ .method = HTTP_POST, .url = S("/cash"),
				      .only_if = S("tender!=card") };
	give(ACT_SELL, 0, 2);
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_int_eq(shared->requests, 1);
	ck_assert_ptr_nonnull(strstr(shared->last, "POST /cash "));
}
END_TEST

START_TEST(node_names_are_addresses)
{
	char url[64];

	snprintf(url, sizeof(url), "http://lane-1:%d/x", port);
	step[0].url = url;
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_ptr_nonnull(strstr(shared->last, "Host: lane-1:"));
}
END_TEST

START_TEST(session_per_shopper)
{
	step[0] = (struct http_step){ .method = HTTP_GET, .url = S("/login") };
	step[1] = (struct http_step){ .method = HTTP_GET, .url = S("/x") };
	give(ACT_SELL, 0, 2);
	k.t.driver.session_per_shopper = true;
	k.x.shoppers.count = 5;
	shop();
	ck_assert_int_eq(shared->requests, 10);
	ck_assert_int_eq(shared->with_cookie, 5);
}
END_TEST

/* ---- what replies mean ---- */

static const struct {
	const char *path, *error;
	const char *refused_pattern, *ok_pattern, *fail_pattern, *need;
	int outcome;
	bool dies;
} replies[] = {
	{ "/fine", NULL, NULL, NULL, NULL, NULL, TOLD_OK, false },
	{ "/refused", "HTTP 402: {\"error\":\"card declined\"}", "declined", NULL, NULL, NULL,
	  TOLD_REFUSED, false },
	{ "/refused", "HTTP 402: {\"error\":\"card declined\"}", NULL, NULL, NULL, NULL,
	  TOLD_UNKNOWN, false },
	{ "/refused", "HTTP 402: {\"error\":\"card declined\"}", "expired", NULL, NULL, NULL,
	  TOLD_UNKNOWN, false },
	{ "/busy", "HTTP 503: try later", "try", NULL, NULL, NULL, TOLD_UNKNOWN, false },
	{ "/fine", "not the ok-pattern, HTTP 200", NULL, "approved", NULL, NULL, TOLD_UNKNOWN,
	  false },
	{ "/graphql", "fail-pattern, HTTP 200", NULL, NULL, "\"errors\"", NULL, TOLD_UNKNOWN,
	  false },
	{ "/fine", "the reply has no x", NULL, NULL, NULL, "/nowhere", TOLD_UNKNOWN, false },
	{ "/reset", "", NULL, NULL, NULL, NULL, TOLD_UNKNOWN, true },
	{ "/hangup", "", NULL, NULL, NULL, NULL, TOLD_UNKNOWN, true },
	{ "/half", "", NULL, NULL, NULL, NULL, TOLD_UNKNOWN, true },
	{ "/silent", "no answer within the step timeout", NULL, NULL, NULL, NULL, TOLD_UNKNOWN,
	  true },
	{ "/garbage", "", NULL, NULL, NULL, NULL, TOLD_UNKNOWN, false },
	{ "/huge", "the reply is larger than 1 MiB", NULL, NULL, NULL, NULL, TOLD_UNKNOWN, false },
};

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

START_TEST(what_a_reply_means)
{
	const char *path = replies[_i].path, *error = replies[_i].error;
	char *url = xstrdup(path), *refused = dup_or_null(replies[_i].refused_pattern);
	char *ok = dup_or_null(replies[_i].ok_pattern);
	char *fail = dup_or_null(replies[_i].fail_pattern);
	char *need = dup_or_null(replies[_i].need);

	step[0].url = url;
	step[0].ok_pattern = ok;
	step[0].fail_pattern = fail;
	takes[0] = (struct take){ .name = S("x"), .pointer = need, .required = true };
	step[0].takes = takes;
	step[0].takes_count = need ? 1 : 0;
	k.t.driver.refused_pattern = refused;
	shop();
	ck_assert_msg(k.told[0].outcome == replies[_i].outcome, "%s: told %s, %s", path,
		      outcome_names[k.told[0].outcome], k.told[0].error);
	if (error)
		ck_assert_msg(strncmp(k.told[0].error, error, strlen(error)) == 0, "%s: %s", path,
			      k.told[0].error);
	else
		ck_assert_ptr_null(k.told[0].error);
	ck_assert_msg((k.lane_log.len > 0) == replies[_i].dies, "%s: %s", path, k.told[0].error);
	free(url);
	free(refused);
	free(ok);
	free(fail);
	free(need);
}
END_TEST

START_TEST(refused_status_alone)
{
	step[0].url = S("/refused");
	k.t.driver.refused_status = (struct range){ 402, 402, 1 };
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_REFUSED);
}
END_TEST

/* libcurl would send the sale a second time by itself. Nobody asked for that. */
START_TEST(dead_keep_alive_is_not_sent_again)
{
	k.x.shoppers.count = 2;
	step[0].url = S("/once");
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_int_eq(k.told[1].outcome, TOLD_UNKNOWN);
	ck_assert_str_eq(k.told[1].error, "the kept-alive connection was dead (not sent again)");
	ck_assert_int_eq(shared->requests, 2);
}
END_TEST

/* ---- a dead server ---- */

static void restart_server(struct kit *kit, const struct told *t)
{
	(void)kit;
	if (strcmp(t->key, "S0") == 0)
		server_stop();
}

static void hook_lane(void *arg, const char *lane, const char *did)
{
	kit_lane_hook(arg, lane, did);
	if (strcmp(did, "down") == 0)
		server_start(port);
}

/* Refused connections kill the lane; the probe finds the server when it is back. */
START_TEST(lane_comes_back_with_its_server)
{
	k.x.shoppers.count = 50;
	k.x.shoppers.pace_milli = 250 * 1000; /* probes every 20 ms */
	k.x.shoppers.arrivals.per_s = 4;
	k.on_told = restart_server;
	k.o.hooks.lane = hook_lane;
	shop();
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_int_eq(k.told[1].outcome, TOLD_UNKNOWN);
	ck_assert_int_eq(k.told[49].outcome, TOLD_OK);
	ck_assert_str_eq(k.lane_log.data, "lane-1 down; lane-1 up; ");
}
END_TEST

/* ---- bad declarations ---- */

static void refuse_to_make(const char *want)
{
	struct err e = { 0 };

	ck_assert_int_lt(crowd_new(&k.c, &k.o, &e), 0);
	k.c = NULL;
	ck_assert_msg(strstr(e.msg, want) != NULL, "\"%s\" has no \"%s\"", e.msg, want);
}

START_TEST(bad_declarations)
{
	step[0].url = S("/x/${nope}");
	refuse_to_make("driver http: sell[0]: no such variable: ${nope}");
	step[0].url = S("/x/${key");
	refuse_to_make("without \"}\"");
	step[0].url = S("http://stroe/x");
	refuse_to_make("no such node: \"stroe\"");
	step[0].url = S("/x");
	step[0].ok_pattern = S("(");
	refuse_to_make("sell[0]");
	step[0].ok_pattern = NULL;
	step[0].only_if = S("card");
	refuse_to_make("is not NAME=VALUE");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crowd http");
	TCase *t = tcase_create("http");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_sale);
	tcase_add_test(t, connection_is_kept);
	tcase_add_test(t, steps_hand_on_values);
	tcase_add_test(t, form_body);
	tcase_add_test(t, only_if_it_applies);
	tcase_add_test(t, node_names_are_addresses);
	tcase_add_test(t, session_per_shopper);
	tcase_add_loop_test(t, what_a_reply_means, 0, (int)(sizeof(replies) / sizeof(*replies)));
	tcase_add_test(t, refused_status_alone);
	tcase_add_test(t, dead_keep_alive_is_not_sent_again);
	tcase_add_test(t, lane_comes_back_with_its_server);
	tcase_add_test(t, bad_declarations);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(suite());
}
