/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One GET by libcurl, whose socket is made inside the
 * node (stage_socket), so that it sees what a process of the node would see.
 * Names of nodes are given to libcurl as addresses beforehand; nothing else is
 * resolved and no proxy is used.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "stage/stage.h"
#include "trial/books_room.h"

#define REQUEST_MS 30000L

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct books_in *in = arg;
	int fd = stage_socket(in->stage, in->target->books.node, a->family, a->socktype,
			      a->protocol);

	(void)purpose;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct buf *body = arg;

	if (body->len + size * n > BOOKS_BYTES_MAX)
		return 0;
	buf_add(body, data, size * n);
	return size * n;
}

/* ":8080/books" and "/books" are on the node itself. */
static char *full_url(const char *url)
{
	if (url[0] == ':' || url[0] == '/')
		return xasprintf("http://127.0.0.1%s", url);
	return strstr(url, "://") ? xstrdup(url) : xasprintf("http://%s", url);
}

/* "name:port:address" for every node; the ports are the URL's. */
static struct curl_slist *resolve_list(const struct books_in *in, const char *url)
{
	struct curl_slist *list = NULL;
	char *port = NULL;
	CURLU *u = curl_url();

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	for (size_t i = 0; port && i < in->target->nodes_count; i++) {
		const char *name = in->target->nodes[i].name;
		const char *address = stage_address(in->stage, name);
		cleanup_free char *entry =
			address ? xasprintf("%s:%s:%s", name, port, address) : NULL;

		if (entry)
			list = curl_slist_append(list, entry);
	}
	curl_free(port);
	curl_url_cleanup(u);
	return list;
}

static int check_reply(CURL *c, CURLcode code, const char *words, const struct buf *body,
		       struct err *e)
{
	long status = 0;

	if (code != CURLE_OK)
		return err_set(e, code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EIO, "%s",
			       *words ? words : curl_easy_strerror(code));
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		return err_set(e, EIO, "status %ld: %.120s", status, body->len ? body->data : "");
	return 0;
}

static int get(const struct books_in *in, const char *url, struct buf *body, struct err *e)
{
	char words[CURL_ERROR_SIZE] = "";
	struct curl_slist *names = resolve_list(in, url);
	CURL *c = curl_easy_init();
	int err;

	if (!c) {
		curl_slist_free_all(names);
		return err_set(e, ENOMEM, "libcurl would not start");
	}
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, REQUEST_MS);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER,
			 0L); /* the shop's own certificate is not the point */
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_RESOLVE, names);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, (void *)(uintptr_t)in);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, words);
	err = check_reply(c, curl_easy_perform(c), words, body, e);
	curl_easy_cleanup(c);
	curl_slist_free_all(names);
	return err;
}

int books_http(const struct books_in *in, struct err *e)
{
	const struct books *b = &in->target->books;
	cleanup_free char *url = b->url ? full_url(b->url) : NULL;
	struct buf body = {0};
	int err;

	if (!url)
		return err_set(e, EINVAL, "reading the books: books.url is missing");
	err = get(in, url, &body, e);
	if (err >= 0 && !body.len)
		err = err_set(e, ENODATA, "the answer is empty (no books would be [])");
	if (err >= 0)
		err = books_json(in, body.data, body.len, e);
	buf_done(&body);
	return err < 0 ? err_wrap(e, "reading the books from %s in %s", url, b->node) : 0;
}
