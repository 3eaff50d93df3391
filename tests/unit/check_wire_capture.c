/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what goes into a capture comes out as pcapng that says what happened, with real packets
 * and no card numbers; what does not go in is counted. Buggy result: a card number in a file that
 * is mailed around, a packet that is missing without a word, a wire that waits for a disk.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pass.h"
#include "wire/capture.h"
#include "wire/packet.h"
#include "wire/rule.h"
#include "wire/tally.h"
#include "tests/unit/suite.h"

#define FILE_MAX (4 << 20)
#define CARD "4111111111111111"
#define MASKED "411111******1111"

static struct capture *c;
static int ctl, bell, file;
static pid_t pid;
static uint8_t *data; /* the file, once it is ended */
static size_t size;

static void setup(void)
{
	char path[] = "/tmp/wd-capture-XXXXXX";
	int sv[2];

	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(c, MAP_FAILED);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	bell = eventfd(0, EFD_NONBLOCK);
	ctl = sv[0];
	file = mkstemp(path);
	ck_assert_int_ge(file, 0);
	unlink(path);
	c->snap = 1600;
	c->size_max = FILE_MAX;
	c->nodes = 2;
	strcpy(c->name[0], "store");
	strcpy(c->name[1], "lane-1");
	data = malloc(FILE_MAX);
	pid = fork();
	if (pid == 0) {
		close(sv[0]);
		capture_writer_run(sv[1], bell, c);
		_exit(0);
	}
	close(sv[1]);
}

static void teardown(void)
{
	close(ctl);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid); /* it goes when its socket does */
	close(bell);
	close(file);
	munmap(c, sizeof(*c));
	free(data);
}

static void tell(int fd)
{
	int reply = -1;

	ck_assert_int_eq(pass_send(ctl, "", 1, &fd, fd >= 0), 0);
	ck_assert_int_eq(recv(ctl, &reply, sizeof(reply), 0), sizeof(reply));
	ck_assert_int_eq(reply, 0);
}

static void finish(void)
{
	ssize_t n;

	tell(-1);
	n = pread(file, data, FILE_MAX, 0);
	ck_assert_int_gt(n, 0);
	size = (size_t)n;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A TCP packet over IPv4 from node 0 to node 1; its checksum right. @gso: size of a segment. */
static size_t tcp(uint8_t *frame, uint32_t seq, const char *text, size_t len, uint16_t gso)
{
	struct virtio_net_hdr h = { .gso_type = gso ? VIRTIO_NET_HDR_GSO_TCPV4 : 0,
				    .gso_size = gso, .hdr_len = 40 };
	uint8_t *ip = frame + VNET;
	struct packet p;

	memset(frame, 0, VNET + 40);
	memcpy(frame, &h, VNET);
	ip[0] = 0x45;
	ip[2] = (uint8_t)((40 + len) >> 8);
	ip[3] = (uint8_t)(40 + len);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	put32(ip + 12, 0x0a4d0001);
	put32(ip + 16, 0x0a4d0002);
	put32(ip + 20, 8080u << 16 | 40000);
	put32(ip + 24, seq);
	ip[32] = 5 << 4;
	ip[33] = TCP_ACK;
	memcpy(ip + 40, text, len);
	packet_parse(&p, ip, 40 + len);
	ck_assert(packet_sum(&p));
	return VNET + 40 + len;
}

static void put(const char *text, size_t len, uint16_t gso, enum seen_what what, uint32_t hit)
{
	uint8_t frame[VNET + 40 + 65000];
	struct wire_seen x = { .frame = frame, .to = 1, .now = 5, .what = (uint8_t)what };

	x.len = tcp(frame, 1000, text, len, gso);
	if (hit) {
		x.notes = 1;
		x.note[0] = (struct seen_note){ .hit = hit, .did = DID_DELAY, .ns = 50000000 };
		strcpy(x.note[0].name, "net.delay.3");
	}
	capture_put(c, &x);
}

static bool has(const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

static uint32_t le32(size_t at)
{
	uint32_t v;

	memcpy(&v, data + at, sizeof(v));
	return v;
}

/* Every block says its length at both ends; how many there are of a type. */
static int blocks(uint32_t type)
{
	int n = 0;

	for (size_t at = 0; at < size; at += le32(at + 4)) {
		ck_assert_uint_ge(size - at, 12);
		ck_assert_uint_eq(le32(at + 4) % 4, 0);
		ck_assert_uint_le(at + le32(at + 4), size);
		ck_assert_uint_eq(le32(at + 4), le32(at + le32(at + 4) - 4));
		n += le32(at) == type;
	}
	return n;
}

START_TEST(test_says_what_was_done)
{
	tell(file);
	put("GET", 3, 0, SEEN_DROPPED, 7);
	put("GET", 3, 0, SEEN_PASSED, 0);
	put("GET", 3, 0, SEEN_MADE, 0);
	finish();
	ck_assert_int_eq(blocks(0x0a0d0d0a), 1);
	ck_assert_int_eq(blocks(1), 2);
	ck_assert_int_eq(blocks(6), 3);
	ck_assert_int_eq(blocks(5), 2);
	ck_assert(has("net.delay #3 hit 7: delayed by 50.000 ms"));
	ck_assert(has("made by the wire"));
	ck_assert(has("lane-1"));
	ck_assert_uint_eq(c->packets, 3);
	ck_assert_uint_eq(c->bytes, size);
}
END_TEST

/* Two files one after the other: nothing of the first is in the second. */
START_TEST(test_second_file)
{
	char path[] = "/tmp/wd-capture-XXXXXX";
	int first = file;

	tell(file);
	put("first-file", 10, 0, SEEN_PASSED, 0);
	tell(-1);
	file = mkstemp(path);
	unlink(path);
	close(first);
	c->bytes = 0;
	tell(file);
	put("second", 6, 0, SEEN_PASSED, 0);
	finish();
	ck_assert(has("second"));
	ck_assert(!has("first-file"));
}
END_TEST

/* A large frame is in the file as the packets it stands for, each with its own right checksum. */
START_TEST(test_segments)
{
	static char text[5000];

	memset(text, 'x', sizeof(text));
	tell(file);
	put(text, sizeof(text), 1448, SEEN_PASSED, 0);
	finish();
	ck_assert_int_eq(blocks(6), 4);
	for (size_t at = 0; at < size; at += le32(at + 4)) {
		struct packet p;

		if (le32(at) != 6)
			continue;
		packet_parse(&p, data + at + 28, le32(at + 20));
		ck_assert_uint_eq(p.total, le32(at + 24));
		ck_assert(p.proto == IPPROTO_TCP && packet_sum_ok(&p));
		ck_assert_uint_le(p.len, 1448);
	}
}
END_TEST

START_TEST(test_masks_cards)
{
	const char *text = "{\"pan\":\"" CARD "\"}";
	struct packet p;

	tell(file);
	put(text, strlen(text), 0, SEEN_PASSED, 0);
	finish();
	ck_assert(!has(CARD));
	ck_assert(has(MASKED));
	ck_assert(has("digits masked"));
	ck_assert_uint_eq(c->masked, 1);
	for (size_t at = 0; at < size; at += le32(at + 4))
		if (le32(at) == 6) {
			packet_parse(&p, data + at + 28, le32(at + 20));
			ck_assert(packet_sum_ok(&p)); /* it was right before */
		}
}
END_TEST

/* Wherever a number is divided: never more than its first six and its last four digits. */
START_TEST(test_masks_divided)
{
	char text[64];
	size_t n = (size_t)_i;

	tell(file);
	snprintf(text, sizeof(text), "pan=%.*s", (int)n, CARD);
	put(text, strlen(text), 0, SEEN_PASSED, 0);
	snprintf(text, sizeof(text), "%s&x=1", &CARD[n]);
	put(text, strlen(text), 0, SEEN_PASSED, 0);
	finish();
	if (n > 6) {
		snprintf(text, sizeof(text), "pan=%.7s", CARD);
		ck_assert_msg(!has(text), "%zu digits in the first packet", n);
	}
	if (16 - n > 4) {
		snprintf(text, sizeof(text), "%s&x=1", &CARD[11]);
		ck_assert_msg(!has(text), "%zu digits in the first packet", n);
	}
}
END_TEST

START_TEST(test_snap)
{
	c->snap = 64;
	tell(file);
	put("0123456789abcdefghijklmnopqrstuvwxyz", 36, 0, SEEN_PASSED, 0);
	finish();
	ck_assert_uint_eq(c->snapped, 1);
	for (size_t at = 0; at < size; at += le32(at + 4))
		if (le32(at) == 6) {
			ck_assert_uint_eq(le32(at + 20), 64);
			ck_assert_uint_eq(le32(at + 24), 76);
		}
}
END_TEST

/* The file never grows over its size; every packet is in it or counted. */
START_TEST(test_size)
{
	static char text[1400];

	memset(text, 'x', sizeof(text));
	c->size_max = 65536;
	tell(file);
	for (int i = 0; i < 1000; i++)
		put(text, sizeof(text), 0, SEEN_PASSED, 0);
	finish();
	ck_assert_uint_le(size, 65536);
	ck_assert_uint_gt(size, 60000);
	ck_assert_uint_gt(c->packets, 40);
	ck_assert_uint_eq(c->packets + c->missing[0] + c->over[0], 1000);
	ck_assert_int_eq(blocks(5), 2);
}
END_TEST

/* A writer that is stopped, as by a disk: nobody else waits, and all is accounted for. */
START_TEST(test_stalled)
{
	static char text[1400];
	int n = 2 * (int)(CAPTURE_RING / sizeof(text)), status;

	memset(text, 'x', sizeof(text));
	c->size_max = 64 << 20;
	tell(file);
	kill(pid, SIGSTOP);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	for (int i = 0; i < n; i++)
		put(text, sizeof(text), 0, SEEN_PASSED, 0);
	ck_assert_uint_gt(c->lost, 0);
	kill(pid, SIGCONT);
	finish();
	ck_assert_uint_eq(c->packets + c->lost, (uint64_t)n);
	ck_assert_uint_gt(c->packets, CAPTURE_RING / 2000);
	put("after", 5, 0, SEEN_PASSED, 0); /* nothing is begun: it lies there and hurts nobody */
}
END_TEST

/* A disk that is full ends the capture and is told. */
START_TEST(test_disk_full)
{
	int full = open("/dev/full", O_WRONLY);

	ck_assert_int_ge(full, 0);
	tell(full);
	put("GET", 3, 0, SEEN_PASSED, 0);
	tell(-1);
	ck_assert_int_eq(c->error, ENOSPC);
	close(full);
}
END_TEST

/* Whatever a target sends is written down. */
START_TEST(test_hostile)
{
	uint8_t frame[2000];
	struct wire_seen x = { .frame = frame, .to = 1, .what = SEEN_PASSED };

	tell(file);
	srandom(1);
	for (int i = 0; i < 3000; i++) {
		x.len = VNET + 1 + (size_t)random() % (sizeof(frame) - VNET - 1);
		for (size_t k = 0; k < x.len; k++)
			frame[k] = (uint8_t)(random() >> 4);
		if (i % 2)
			frame[VNET] = i % 4 == 1 ? 0x45 : 0x60;
		capture_put(c, &x);
		while (capture_wants_waking(c) && write(bell, &(uint64_t){ 1 }, 8) < 0)
			;
	}
	finish();
	ck_assert_int_gt(blocks(6), 0);
	ck_assert_uint_ge(c->packets + c->lost, 3000);
}
END_TEST

/* ---- counters ---- */

static struct wire_link there, back;

static void send_tcp(struct tally *t, bool back_, uint32_t seq, uint8_t flags, size_t len)
{
	static const char text[4000] = "x";
	uint8_t frame[VNET + 40 + 4000];
	size_t n = tcp(frame, seq, text, len, len > 1448 ? 1448 : 0);

	frame[VNET + 33] = flags;
	if (back_) {
		put32(frame + VNET + 20, 40000u << 16 | 8080);
		tally_packet(t, &back, 1, 0, frame, n);
	} else {
		tally_packet(t, &there, 0, 1, frame, n);
	}
}

START_TEST(test_tally)
{
	struct tally *t = tally_new();

	memset(&there, 0, sizeof(there));
	memset(&back, 0, sizeof(back));
	send_tcp(t, false, 100, TCP_SYN, 0);
	send_tcp(t, true, 500, TCP_SYN | TCP_ACK, 0);
	send_tcp(t, false, 101, TCP_ACK, 0);
	ck_assert_uint_eq(there.handshakes, 1);
	ck_assert_int_gt(there.rtt_min_ns, 0);
	ck_assert_int_ge(there.rtt_max_ns, there.rtt_min_ns);
	send_tcp(t, false, 101, TCP_ACK, 3000);
	ck_assert_uint_eq(there.packets, 2 + 3);
	ck_assert_uint_eq(there.bytes, 5 * 40 + 3000);
	ck_assert_uint_eq(there.again, 0);
	send_tcp(t, false, 1549, TCP_ACK, 1448); /* the second of the three once more */
	ck_assert_uint_eq(there.again, 1);
	send_tcp(t, false, 3100, TCP_ACK, 1);    /* is anybody there? */
	ck_assert_uint_eq(there.again, 1);
	send_tcp(t, false, 3101, TCP_ACK, 10);
	ck_assert_uint_eq(there.again, 1);
	ck_assert_uint_eq(back.packets, 1);
	tally_free(t);
}
END_TEST

/* A SYN that is repeated tells nothing about the way; a new one from the same port does. */
START_TEST(test_tally_syn_again)
{
	struct tally *t = tally_new();

	memset(&there, 0, sizeof(there));
	send_tcp(t, false, 100, TCP_SYN, 0);
	send_tcp(t, false, 100, TCP_SYN, 0);
	send_tcp(t, true, 500, TCP_SYN | TCP_ACK, 0);
	send_tcp(t, false, 101, TCP_ACK, 0);
	ck_assert_uint_eq(there.again, 1);
	ck_assert_uint_eq(there.handshakes, 0);
	send_tcp(t, false, 90, TCP_SYN, 0);
	send_tcp(t, true, 700, TCP_SYN | TCP_ACK, 0);
	send_tcp(t, false, 91, TCP_ACK, 0);
	ck_assert_uint_eq(there.again, 1);
	ck_assert_uint_eq(there.handshakes, 1);
	tally_free(t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_says_what_was_done, test_second_file,
					      test_segments, test_masks_cards, test_snap,
					      test_size, test_stalled, test_disk_full,
					      test_hostile };
	Suite *s = suite_create("wire/capture");
	TCase *tc = tcase_create("capture"), *counts = tcase_create("tally");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, test_masks_divided, 1, 16);
	tcase_add_test(counts, test_tally);
	tcase_add_test(counts, test_tally_syn_again);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, counts);
	return suite_main(s);
}
