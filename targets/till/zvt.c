/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The till's half of ZVT on TCP: a command, its acknowledgement (80 00) within
 * T3, then whatever the terminal has to say, each acknowledged by us, until
 * completion (06 0F) or abort (06 1E).
 */
#include "zvt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "till.h"

#define DATA_MAX 4096

enum { STATUS = 0x040f, DONE = 0x060f, FAILED = 0x061e, ACK = 0x8000, WAIT = 0x849c };

struct apdu {
	unsigned code;
	size_t len;
	unsigned char data[DATA_MAX];
};

static int read_all(int fd, unsigned char *to, size_t len, int64_t until)
{
	while (len) {
		ssize_t n = read(fd, to, len);
		int rc;

		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
			continue;
		}
		rc = net_await(fd, POLLIN, until);
		if (rc)
			return rc;
	}
	return 0;
}

static int receive(int fd, struct apdu *ret, int64_t until)
{
	unsigned char head[5];
	int rc = read_all(fd, head, 3, until);

	if (rc)
		return rc;
	ret->code = (unsigned)head[0] << 8 | head[1];
	ret->len = head[2];
	if (head[2] == 0xff) {
		rc = read_all(fd, head + 3, 2, until);
		ret->len = (size_t)head[3] | (size_t)head[4] << 8;
	}
	if (rc || ret->len > DATA_MAX)
		return rc ? rc : -EMSGSIZE;
	return read_all(fd, ret->data, ret->len, until);
}

static int transmit(int fd, unsigned code, const unsigned char *data, size_t len)
{
	unsigned char out[3 + 64] = {(unsigned char)(code >> 8), (unsigned char)code,
				     (unsigned char)len};

	if (len)
		memcpy(out + 3, data, len);
	return send(fd, out, 3 + len, MSG_NOSIGNAL) == (ssize_t)(3 + len) ? 0 : -EIO;
}

static int64_t bcd(const unsigned char *at, size_t len)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n * 100 + (at[i] >> 4) * 10 + (at[i] & 0x0f);
	return n;
}

unsigned char *zvt_put_bcd(unsigned char *at, int64_t value, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0; value /= 100)
		at[i] = (unsigned char)(value % 100 / 10 << 4 | value % 10);
	return at + bytes;
}

/* The fields that terminals send in front of those that we look for, and those. */
static size_t field_len(unsigned field, const unsigned char *at, size_t left, size_t *ret_front)
{
	static const unsigned char fixed[256] = {
		[0x04] = 6, [0x0b] = 3, [0x0c] = 3, [0x0d] = 2, [0x0e] = 2, [0x17] = 2, [0x19] = 1,
		[0x27] = 1, [0x29] = 4, [0x2a] = 15, [0x3b] = 8, [0x49] = 2, [0x87] = 2, [0x88] = 3,
		[0x8a] = 1, [0x8c] = 1, [0xa0] = 1, [0xba] = 5,
	};
	unsigned digits = field == 0x22 || field == 0x8b ? 2 :
			  field == 0x3c || field == 0x60 ? 3 : 0;
	size_t n = 0;

	*ret_front = digits;
	if (!digits)
		return fixed[field];
	for (unsigned i = 0; i < digits && i < left; i++)
		n = n * 10 + (at[i] & 0x0f);
	return n;
}

static void read_status(const struct apdu *a, struct zvt_result *ret)
{
	const unsigned char *at = a->data, *end = at + a->len;

	ret->told = true;
	ret->result = -1;
	ret->amount = ret->receipt = -1;
	while (at < end) {
		unsigned field = *at++;
		size_t front, n = field_len(field, at, (size_t)(end - at), &front);

		if (n + front == 0 || (size_t)(end - at) < front + n)
			return;
		at += front;
		if (field == 0x27)
			ret->result = *at;
		else if (field == 0x04)
			ret->amount = bcd(at, n);
		else if (field == 0x87)
			ret->receipt = bcd(at, n);
		at += n;
	}
}

static int acknowledged(int fd, const struct zvt_patience *p)
{
	struct apdu a;
	int rc = receive(fd, &a, p->ms < 0 ? -1 : mono_ms() + p->ack_ms);

	if (rc)
		return rc;
	return a.code == ACK ? 0 : a.code == WAIT ? -EBUSY : -EPROTO;
}

int zvt_abort(int fd, const struct zvt_patience *p)
{
	int rc = transmit(fd, ZVT_ABORT, NULL, 0);

	return rc ? rc : acknowledged(fd, p);
}

int zvt_command(int fd, unsigned code, const unsigned char *data, size_t len,
		const struct zvt_patience *p, struct zvt_result *ret)
{
	struct apdu a;
	int rc = transmit(fd, code, data, len);

	*ret = (struct zvt_result){.amount = -1, .receipt = -1, .result = -1};
	if (!rc)
		rc = acknowledged(fd, p);
	while (!rc) {
		rc = receive(fd, &a, p->ms < 0 ? -1 : mono_ms() + p->ms);
		if (rc)
			break;
		if (a.code >> 8 != 0x80 && a.code >> 8 != 0x84)
			rc = transmit(fd, ACK, a.data, 0);
		if (a.code == STATUS)
			read_status(&a, ret);
		if (a.code == FAILED)
			ret->failed = a.len ? a.data[0] : 0xff;
		if (a.code == DONE || a.code == FAILED)
			break;
	}
	return rc;
}
