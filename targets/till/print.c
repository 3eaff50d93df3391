/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receipt printer: ESC/POS to a device path, to tcp:HOST:PORT, or to
 * serial:PATH, which stays open between receipts and is opened anew when it has
 * hung up. On these two it is asked behind the receipt whether it is there (GS
 * r 1), and answers when it has printed all before. A printer that takes
 * nothing, or says nothing, for PRINT_MS is left alone for a while
 * (--printer-rest), so that it slows one shopper, not every shopper; the receipt
 * can be reprinted. A cash sale opens the drawer, which hangs on the printer.
 */
#include "lane.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bug.h"
#include "net.h"
#include "serial.h"
#include "point.h"

#define PRINT_MS 2000
#define PAPER_MAX 65536

#define ESCPOS_INIT "\x1b@"
#define ESCPOS_CUT "\x1dV\x41\x03"
#define ESCPOS_PAPER "\x1dr\x01"
#define PAPER_LOW 0x03
#define ESCPOS_DRAWER "\x1bp" /* then pin and times */

struct paper {
	char text[PAPER_MAX];
	size_t len;
};

static void put(struct paper *p, const void *data, size_t len)
{
	if (p->len + len > sizeof(p->text))
		return;
	memcpy(p->text + p->len, data, len);
	p->len += len;
}

static void put_line(struct paper *p, const char *label, int64_t cents)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%-28.28s %7lld.%02lld\n", label,
			 (long long)(cents / 100), (long long)(cents % 100));

	put(p, line, (size_t)n);
}

static void compose(struct paper *p, const struct sale *s, const struct booked *b, bool copy)
{
	static const char pulse[] = {0, 50, 50};
	char line[KEY_MAX * 2 + 64];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	tzset(); /* the zone may be another one today: localtime_r() alone would not look */
	localtime_r(&now, &tm);
	put(p, ESCPOS_INIT, 2);
	if (copy)
		put(p, "*** COPY ***\n", 13);
	for (size_t i = 0; i < s->count; i++) {
		n = snprintf(line, sizeof(line), "%lld x %s", (long long)s->lines[i].qty,
			     s->lines[i].sku);
		put_line(p, line, s->lines[i].qty * s->lines[i].price);
	}
	put_line(p, "TOTAL " CURRENCY, b->total);
	n = snprintf(line, sizeof(line), "%s\nReceipt %s\nRef %s\n%s\n", s->tender, b->receipt,
		     s->key, b->offline ? "OFFLINE" : "");
	put(p, line, (size_t)n);
	put(p, line, strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S %Z\n", &tm));
	put(p, ESCPOS_CUT, 4);
	if (!copy && !strcmp(*b->tender ? b->tender : s->tender, "cash")) {
		put(p, ESCPOS_DRAWER, 2);
		put(p, pulse, sizeof(pulse));
	}
}

static int write_all(int fd, const char *data, size_t len, int64_t until)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		int rc = 0;

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n >= 0 && bug(BUG_IGNORE_SHORT_WRITE))
			return 0;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else {
			rc = net_await(fd, POLLOUT, until);
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* Answered behind all that was sent before: then it is on paper. */
static int confirm(int fd, int64_t until)
{
	unsigned char status;
	int rc = write_all(fd, ESCPOS_PAPER, 3, until);

	if (!rc)
		rc = net_await(fd, POLLIN, until);
	if (!rc && read(fd, &status, 1) != 1)
		rc = -EPIPE;
	if (!rc && status & PAPER_LOW)
		say("printer paper-low");
	return rc;
}

/* One receipt at a time. What was torn in the middle is not begun again: it can be reprinted. */
static int to_serial(struct lane *l, const char *path, const struct paper *p)
{
	int64_t until = bug(BUG_WAIT_FOREVER_PRINTER) ? -1 : mono_ms() + PRINT_MS;
	int rc;

	pthread_mutex_lock(&l->printer_mutex);
	if (l->printer_fd >= 0 && serial_hung_up(l->printer_fd)) {
		say("%s printer-hung-up", l->o->name);
		close(l->printer_fd);
		l->printer_fd = -1;
	}
	if (l->printer_fd < 0)
		l->printer_fd = serial_open(path);
	rc = l->printer_fd < 0 ? l->printer_fd : 0;
	if (!rc) {
		tcflush(l->printer_fd, TCIFLUSH);
		rc = write_all(l->printer_fd, p->text, p->len, until);
	}
	if (!rc)
		rc = confirm(l->printer_fd, until);
	if (rc && l->printer_fd >= 0) {
		tcflush(l->printer_fd, TCOFLUSH);
		close(l->printer_fd);
	}
	if (rc)
		l->printer_fd = -1;
	pthread_mutex_unlock(&l->printer_mutex);
	return rc;
}

static int to_device(const char *device, const struct paper *p)
{
	int patient = bug(BUG_WAIT_FOREVER_PRINTER) ? 0 : O_NONBLOCK;
	bool net = !strncmp(device, "tcp:", 4);
	int64_t until = patient ? mono_ms() + PRINT_MS : -1;
	int fd = net ? net_dial(device + 4, PRINT_MS) :
		       open(device, O_WRONLY | O_APPEND | patient | O_NOCTTY | O_CLOEXEC), rc;

	if (fd < 0)
		return net ? fd : -errno;
	rc = write_all(fd, p->text, p->len, until);
	if (!rc && net)
		rc = confirm(fd, until);
	close(fd);
	return rc;
}

bool print_receipt(struct lane *l, const struct sale *s, const struct booked *b, bool copy)
{
	const char *device = l->o->printer;
	struct paper paper = {.len = 0};
	int rc;

	if (!device)
		return false;
	if (bug(BUG_HARDWIRED_DEVICE))
		device = "serial:/dev/ttyUSB0";
	if (mono_ms() < atomic_load(&l->printer_rests_until)) {
		say("%s not-printed key=%s receipt=%s why=\"printer rests\"", l->o->name, s->key,
		    b->receipt);
		return false;
	}
	compose(&paper, s, b, copy);
	if (fiu_fail("till/print/open"))
		rc = -ENXIO;
	else
		rc = !strncmp(device, "serial:", 7) ? to_serial(l, device + 7, &paper) :
						      to_device(device, &paper);
	if (rc)
		atomic_store(&l->printer_rests_until, mono_ms() + l->o->printer_rest_ms);
	say("%s %s key=%s receipt=%s copy=%d%s%s", l->o->name, rc ? "not-printed" : "printed",
	    s->key, b->receipt, copy, rc ? " why=" : "", rc ? strerror(-rc) : "");
	return !rc;
}
