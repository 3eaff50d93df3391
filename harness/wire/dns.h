/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_DNS_H
#define WD_WIRE_DNS_H

/*
 * DNS messages: a question is parsed, looked up and answered. Pure; takes
 * whatever bytes a target may send.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/names.h"

#define DNS_PORT 53
/* 255 bytes of name, each of which may need four characters as text, and the end */
#define DNS_TEXT_MAX (255 * 4 + 1)
/* header, question, A and AAAA or PTR, OPT: below the 512 bytes that everybody takes */
#define DNS_ANSWER_MAX 512

enum { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED,
       DNS_BADVERS = 16 };
enum { DNS_TYPE_A = 1, DNS_TYPE_PTR = 12, DNS_TYPE_AAAA = 28, DNS_TYPE_OPT = 41,
       DNS_TYPE_ANY = 255 };

struct dns_question {
	uint16_t id, flags, type;
	size_t end;            /* offset of what follows the question; 12: it was not understood */
	bool edns;
	char name[DNS_TEXT_MAX]; /* lower case, labels with dots, odd bytes as \ddd; "": the root */
};
/** struct dns_answer - an rcode and what goes with it. */
struct dns_answer {
	unsigned rcode;
	uint32_t ttl_s;
	unsigned host;         /* A, AAAA: last part of the address; 0: none */
	bool v4, v6;           /* which of them */
	const char *ptr;       /* PTR: the node's name, borrowed; NULL: none */
};

/**
 * dns_parse - the one question of a message. An rcode (DNS_NOERROR: look it up), or -1 for what
 * must not be answered at all (an answer, or too short to have an id).
 */
int dns_parse(const uint8_t *msg, size_t len, struct dns_question *ret);
/** dns_look - what is true. `ret->ptr` points into names. */
void dns_look(const struct wire_names *names, const struct dns_question *q,
	      struct dns_answer *ret);
/** dns_local - the name without WIRE_DOMAIN: a length, all of it when it does not end so. */
size_t dns_local(const char *name);
/** dns_write - the answer to q, asked in msg, into ret (DNS_ANSWER_MAX). Its size. */
size_t dns_write(const struct dns_question *q, const struct dns_answer *a, const uint8_t *msg,
		 uint8_t *ret);

#endif
