/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The writer takes packets out of the ring and makes of
 * each what would have been on a cable: large frames are cut into segments,
 * checksums that were left to the device are filled in. Then card numbers are
 * masked, the packet is cut to its snap length, and a block goes into a buffer
 * and from there into the file. Only this process waits for the disk.
 *
 * Masking: what ledger/mask.h finds in a packet's data. A number may be
 * divided between two packets; so of digits that touch the start of the data
 * only the last four stay, and of those that touch its end the first six. A
 * checksum that was right is made right again; one that was wrong stays wrong.
 * Numbers in other codes than ASCII (BCD, compressed, encrypted) are not seen.
 *
 * Busy, it looks into the ring every few milliseconds and nobody has to wake
 * it; after a quiet turn it sleeps until it is woken.
 */
#include "wire/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/pass.h"
#include "ledger/mask.h"
#include "wire/packet.h"
#include "wire/pcapng.h"
#include "wire/queue.h"
#include "wire/rule.h"

#define FILE_BUFFER (256u << 10)
#define TURN_MS 5
#define STATISTICS_MAX 64 /* bytes of one interface's last block */

struct writer {
	struct capture *c;
	int ctl, bell, fd;   /* fd: owned; -1: no file */
	size_t used;
	uint64_t received[WIRE_NODES_MAX];
	uint8_t buffer[FILE_BUFFER + PCAPNG_BLOCK_MAX];
	uint8_t frame[VNET + 65536 + 512]; /* a copy that may be written to */
	uint8_t piece[QUEUE_FRAME_MAX];
};

/* ---- the file ---- */

/* A disk that is full or broken ends the capture and is told; the wire goes on. */
static void flush(struct writer *w)
{
	size_t done = 0;

	while (done < w->used && !w->c->error) {
		ssize_t n = write(w->fd, w->buffer + done, w->used - done);

		if (n < 0 && errno != EINTR) {
			w->c->error = errno;
			__atomic_store_n(&w->c->full, 1, __ATOMIC_RELAXED);
		}
		done += n > 0 ? (size_t)n : 0;
	}
	w->used = 0;
}

/* A block of this size was built at the end of the buffer. */
static void keep(struct writer *w, size_t size)
{
	w->used += size;
	w->c->bytes += size;
	if (w->used >= FILE_BUFFER)
		flush(w);
}

static bool fits(const struct writer *w, size_t size)
{
	size_t end = (size_t)w->c->nodes * STATISTICS_MAX;

	return (int64_t)(w->c->bytes + size + end) <= w->c->size_max;
}

/* ---- card numbers ---- */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool joint(const char *s, size_t i, size_t len)
{
	return (s[i] == ' ' || s[i] == '-') && i > 0 && i + 1 < len && digit(s[i - 1]) &&
	       digit(s[i + 1]);
}

/* Of the digits s[from..to) all but the first or last few. True: some were masked. */
static bool blot(char *s, size_t from, size_t to, size_t first, size_t last)
{
	size_t digits = 0, nth = 0;
	bool did = false;

	for (size_t i = from; i < to; i++)
		digits += digit(s[i]);
	for (size_t i = from; i < to; i++) {
		if (!digit(s[i]))
			continue;
		if (nth >= first && nth + last < digits) {
			s[i] = '*';
			did = true;
		}
		nth++;
	}
	return did;
}

static bool mask_edges(char *s, size_t len)
{
	size_t head = 0, tail = len;
	bool did;

	while (head < len && (digit(s[head]) || joint(s, head, len)))
		head++;
	did = blot(s, 0, head, 0, 4);
	while (tail > 0 && (digit(s[tail - 1]) || joint(s, tail - 1, len)))
		tail--;
	return blot(s, tail, len, 6, 0) || did;
}

/* True: there was one. */
static bool mask_data(char *s, size_t len)
{
	size_t at, n;
	bool did = mask_find(s, len, 0, &at, &n);

	if (did)
		mask_cards(s, len);
	return mask_edges(s, len) || did;
}

/* Where the part of a packet starts that may hold text. */
static size_t data_of(const struct packet *p)
{
	return p->ports ? p->data : p->l4;
}

static bool mask_packet(struct packet *p, size_t len)
{
	bool right = packet_sum_ok(p);
	size_t from = data_of(p);

	if (!mask_data((char *)p->ip + from, len - from))
		return false;
	if (right)
		packet_sum(p);
	return true;
}

/* ---- words ---- */

static void note_words(const struct seen_note *n, struct buf *b)
{
	const char *dot = strrchr(n->name, '.');
	char did[64];

	wire_did_words(n->did, n->ns, did, sizeof(did));
	buf_printf(b, "%s%.*s #%s ", b->len ? "; " : "", dot ? (int)(dot - n->name) : 0, n->name,
		   dot ? dot + 1 : n->name);
	if (n->hit)
		buf_printf(b, "hit %u: %s", n->hit, did);
	else
		buf_printf(b, "hit counted, not listed: %s", did);
}

static void comment(const struct captured *r, bool masked, struct buf *b)
{
	static const char *const words[SEEN_KINDS] = {
		[SEEN_CUT] = "dropped, as told of an earlier packet of its connection",
		[SEEN_HELD] = "held, as told of an earlier packet of its connection",
		[SEEN_CROWDED] = "dropped: too many packets wait",
		[SEEN_NOWHERE] = "dropped: no node has this address",
		[SEEN_MADE] = "made by the wire",
	};

	b->len = 0;
	for (unsigned i = 0; i < r->notes; i++)
		note_words(&r->note[i], b);
	if (r->what < SEEN_KINDS && words[r->what])
		buf_printf(b, "%s%s", b->len ? "; " : "", words[r->what]);
	if (masked)
		buf_printf(b, "%sdigits masked", b->len ? "; " : "");
}

/* ---- packets ---- */

static void write_packet(struct writer *w, const struct captured *r, const uint8_t *ip, size_t len,
			 bool masked)
{
	static struct buf words; /* grows once */
	struct capture *c = w->c;
	struct pcapng_packet p = { .interface = r->node, .unix_ns = r->t_ns + c->wall_ns,
				   .len = (uint32_t)len, .data = ip, .inbound = r->inbound };
	size_t size;

	p.snap = p.len < c->snap ? p.len : c->snap;
	comment(r, masked, &words);
	p.comment = words.len ? words.data : "";
	size = pcapng_packet(w->buffer + w->used, &p);
	if (c->full || !fits(w, size)) {
		__atomic_store_n(&c->full, 1, __ATOMIC_RELAXED);
		c->over[r->node]++;
		return;
	}
	keep(w, size);
	w->received[r->node]++;
	c->packets++;
	c->snapped += p.snap < p.len;
	c->masked += masked;
}

static void write_segments(struct writer *w, const struct captured *r, struct segments *s)
{
	bool masked = mask_data((char *)s->p.ip + s->p.data, s->p.len);
	size_t n;

	while ((n = segments_next(s, w->piece, sizeof(w->piece))) > 0) {
		packet_complete(w->piece, n);
		write_packet(w, r, w->piece + VNET, n - VNET, masked);
	}
}

static void take(struct writer *w, const struct captured *r)
{
	size_t len = r->len < sizeof(w->frame) ? r->len : sizeof(w->frame);
	struct virtio_net_hdr h;
	struct segments cut;
	struct packet p;

	if (len <= VNET || r->node >= w->c->nodes)
		return;
	memcpy(w->frame, r + 1, len);
	memcpy(&h, w->frame, VNET);
	if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE && segments_open(&cut, w->frame, len)) {
		write_segments(w, r, &cut);
		return;
	}
	packet_complete(w->frame, len);
	packet_parse(&p, w->frame + VNET, len - VNET);
	write_packet(w, r, w->frame + VNET, len - VNET, mask_packet(&p, len - VNET));
}

/* True: there was something. */
static bool drain(struct writer *w)
{
	const struct captured *r;
	bool some = false;

	while ((r = capture_get(w->c))) {
		take(w, r);
		capture_drop(w->c);
		some = true;
	}
	if (w->used)
		flush(w);
	return some;
}

/* ---- life ---- */

static void begin(struct writer *w, int fd)
{
	struct capture *c = w->c;
	char words[256];

	w->fd = fd;
	w->used = 0;
	memset(w->received, 0, sizeof(w->received));
	snprintf(words, sizeof(words), "t_ns 0 of events.ndjson is %" PRId64 " ns after 1970 here; "
		 "\"hit\" and \"#\" are its \"hit\" and \"fault\"", c->epoch_ns + c->wall_ns);
	keep(w, pcapng_section(w->buffer + w->used, words));
	for (unsigned i = 0; i < c->nodes; i++)
		keep(w, pcapng_interface(w->buffer + w->used, c->name[i], i, c->snap));
}

static void end(struct writer *w)
{
	struct capture *c = w->c;
	int64_t now = clock_now() + c->wall_ns;

	if (w->fd < 0)
		return;
	drain(w);
	for (unsigned i = 0; i < c->nodes; i++) {
		uint64_t dropped = c->missing[i] + c->over[i];

		keep(w, pcapng_statistics(w->buffer + w->used, i, now, w->received[i], dropped));
	}
	flush(w);
	close(w->fd);
	w->fd = -1;
}

/* False: the worker is gone. */
static bool obey(struct writer *w)
{
	int fd = -1, done = 0;
	char what;
	ssize_t n = pass_recv(w->ctl, &what, 1, &fd, 1, 0);

	if (n != 1)
		return n == -EINTR;
	end(w);
	if (fd >= 0)
		begin(w, fd);
	return send(w->ctl, &done, sizeof(done), MSG_NOSIGNAL) == (ssize_t)sizeof(done);
}

/* Sleep; not so when something came while we were saying that we do. */
static int rest(struct writer *w, struct pollfd p[2], bool busy)
{
	int r;

	if (busy)
		return poll(p, 2, TURN_MS);
	__atomic_store_n(&w->c->asleep, 1, __ATOMIC_SEQ_CST);
	r = poll(p, 2, capture_get(w->c) ? 0 : -1);
	__atomic_store_n(&w->c->asleep, 0, __ATOMIC_SEQ_CST);
	return r;
}

void capture_writer_run(int ctl, int bell, struct capture *c)
{
	struct pollfd p[2] = { { .fd = ctl, .events = POLLIN }, { .fd = bell, .events = POLLIN } };
	struct writer *w = xcalloc(1, sizeof(*w));
	uint64_t rings;

	*w = (struct writer){ .c = c, .ctl = ctl, .bell = bell, .fd = -1 };
	for (bool busy = false;;) {
		int n = rest(w, p, busy);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && p[1].revents && read(bell, &rings, sizeof(rings)) < 0)
			rings = 0;
		busy = drain(w);
		if (n > 0 && p[0].revents && !obey(w))
			return;
	}
}
