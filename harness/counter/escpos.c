/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Bytes go through four states:
 *
 *   TEXT ─ESC, GS, FS, DLE─► COMMAND ─► ARGUMENTS (how many: a table) ─► done
 *                                              └► DATA (lengths are in the arguments) ─► done
 *
 * Whatever has an effect happens at the last byte of its command. If the
 * printer cannot do it now (no paper), that byte is not taken and comes again.
 * A command that is not in the table takes no argument; a printer does the
 * same: it prints the rest.
 *
 * Lengths: Epson's ESC/POS command reference. Code pages: PC437 and PC850 by
 * number 0 and 2, PC858 19, WPC1252 16; others show as PC437.
 */
#include "counter/escpos.h"

#include <string.h>

enum { TEXT, COMMAND, ARGUMENTS, DATA };
enum { LF = 0x0a, CR = 0x0d, HT = 0x09, DLE = 0x10, FS = 0x1c, ESC = 0x1b, GS = 0x1d };

/* What follows the arguments. */
enum tail {
	NOTHING,
	PAIR,       /* pL pH: so many bytes */
	RASTER,     /* m xL xH yL yH: x times y bytes */
	COLUMNS,    /* m nL nH: n columns, of 1 or 3 bytes */
	UP_TO_NUL,
	BARCODE,    /* m: up to a NUL, or a length */
	CUT,        /* m: from 65 on, one more */
	BITMAP,     /* x y: x times y times 8 bytes */
	LONG,       /* L p1..p4: so many bytes */
};

static const struct known {
	uint8_t prefix, command, want;
	enum tail tail;
} table[] = {
	{ESC, '@', 0, NOTHING}, {ESC, '!', 1, NOTHING}, {ESC, ' ', 1, NOTHING},
	{ESC, '$', 2, NOTHING}, {ESC, '\\', 2, NOTHING}, {ESC, '%', 1, NOTHING},
	{ESC, '-', 1, NOTHING}, {ESC, '3', 1, NOTHING}, {ESC, '=', 1, NOTHING},
	{ESC, '?', 1, NOTHING}, {ESC, '*', 3, COLUMNS}, {ESC, 'D', 0, UP_TO_NUL},
	{ESC, 'E', 1, NOTHING}, {ESC, 'G', 1, NOTHING}, {ESC, 'J', 1, NOTHING},
	{ESC, 'K', 1, NOTHING}, {ESC, 'M', 1, NOTHING}, {ESC, 'R', 1, NOTHING},
	{ESC, 'T', 1, NOTHING}, {ESC, 'V', 1, NOTHING}, {ESC, 'W', 8, NOTHING},
	{ESC, 'a', 1, NOTHING}, {ESC, 'c', 2, NOTHING}, {ESC, 'd', 1, NOTHING},
	{ESC, 'e', 1, NOTHING}, {ESC, 'i', 0, NOTHING}, {ESC, 'm', 0, NOTHING},
	{ESC, 'p', 3, NOTHING}, {ESC, 'r', 1, NOTHING}, {ESC, 't', 1, NOTHING},
	{ESC, '{', 1, NOTHING},
	{GS, '!', 1, NOTHING}, {GS, '$', 2, NOTHING}, {GS, '(', 3, PAIR},
	{GS, '*', 2, BITMAP}, {GS, '/', 1, NOTHING}, {GS, '8', 5, LONG},
	{GS, 'B', 1, NOTHING}, {GS, 'H', 1, NOTHING}, {GS, 'I', 1, NOTHING},
	{GS, 'L', 2, NOTHING}, {GS, 'P', 2, NOTHING}, {GS, 'V', 1, CUT},
	{GS, 'W', 2, NOTHING}, {GS, '\\', 2, NOTHING}, {GS, '^', 3, NOTHING},
	{GS, 'a', 1, NOTHING}, {GS, 'b', 1, NOTHING}, {GS, 'f', 1, NOTHING},
	{GS, 'h', 1, NOTHING}, {GS, 'k', 1, BARCODE}, {GS, 'r', 1, NOTHING},
	{GS, 'v', 6, RASTER}, {GS, 'w', 1, NOTHING},
	{FS, '!', 1, NOTHING}, {FS, '(', 3, PAIR}, {FS, '-', 1, NOTHING},
	{FS, 'C', 1, NOTHING}, {FS, 'S', 2, NOTHING}, {FS, 'W', 1, NOTHING},
	{FS, 'p', 2, NOTHING},
	{DLE, 0x04, 1, NOTHING}, {DLE, 0x05, 1, NOTHING}, {DLE, 0x14, 3, NOTHING},
};

static const struct known *known(uint8_t prefix, uint8_t command)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].prefix == prefix && table[i].command == command)
			return &table[i];
	return NULL;
}

/* ---- text ---- */

/* PC437 and PC850 from 0x80 on, WPC1252 from 0x80 to 0x9f, as code points. */
static const uint16_t pc437[128] = {
	0xc7, 0xfc, 0xe9, 0xe2, 0xe4, 0xe0, 0xe5, 0xe7, 0xea, 0xeb, 0xe8, 0xef, 0xee, 0xec, 0xc4,
	0xc5, 0xc9, 0xe6, 0xc6, 0xf4, 0xf6, 0xf2, 0xfb, 0xf9, 0xff, 0xd6, 0xdc, 0xa2, 0xa3, 0xa5,
	0x20a7, 0x192, 0xe1, 0xed, 0xf3, 0xfa, 0xf1, 0xd1, 0xaa, 0xba, 0xbf, 0x2310, 0xac, 0xbd,
	0xbc, 0xa1, 0xab, 0xbb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
	0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c,
	0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550,
	0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a,
	0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x3b1, 0xdf, 0x393, 0x3c0, 0x3a3,
	0x3c3, 0xb5, 0x3c4, 0x3a6, 0x398, 0x3a9, 0x3b4, 0x221e, 0x3c6, 0x3b5, 0x2229, 0x2261, 0xb1,
	0x2265, 0x2264, 0x2320, 0x2321, 0xf7, 0x2248, 0xb0, 0x2219, 0xb7, 0x221a, 0x207f, 0xb2,
	0x25a0, 0xa0,
};
static const uint16_t pc850[128] = {
	0xc7, 0xfc, 0xe9, 0xe2, 0xe4, 0xe0, 0xe5, 0xe7, 0xea, 0xeb, 0xe8, 0xef, 0xee, 0xec, 0xc4,
	0xc5, 0xc9, 0xe6, 0xc6, 0xf4, 0xf6, 0xf2, 0xfb, 0xf9, 0xff, 0xd6, 0xdc, 0xf8, 0xa3, 0xd8,
	0xd7, 0x192, 0xe1, 0xed, 0xf3, 0xfa, 0xf1, 0xd1, 0xaa, 0xba, 0xbf, 0xae, 0xac, 0xbd, 0xbc,
	0xa1, 0xab, 0xbb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0xc1, 0xc2, 0xc0, 0xa9, 0x2563,
	0x2551, 0x2557, 0x255d, 0xa2, 0xa5, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c,
	0xe3, 0xc3, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0xa4, 0xf0, 0xd0, 0xca,
	0xcb, 0xc8, 0x131, 0xcd, 0xce, 0xcf, 0x2518, 0x250c, 0x2588, 0x2584, 0xa6, 0xcc, 0x2580,
	0xd3, 0xdf, 0xd4, 0xd2, 0xf5, 0xd5, 0xb5, 0xfe, 0xde, 0xda, 0xdb, 0xd9, 0xfd, 0xdd, 0xaf,
	0xb4, 0xad, 0xb1, 0x2017, 0xbe, 0xb6, 0xa7, 0xf7, 0xb8, 0xb0, 0xa8, 0xb7, 0xb9, 0xb3, 0xb2,
	0x25a0, 0xa0,
};
static const uint16_t wpc1252[32] = {
	0x20ac, '?', 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
	0x152, '?', 0x17d, '?', '?', 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
	0x2122, 0x161, 0x203a, 0x153, '?', 0x17e, 0x178,
};
#define PC850 2
#define WPC1252 16
#define PC858 19
#define PC858_EURO 0xd5

size_t escpos_utf8(int page, uint8_t byte, char ret[static 4])
{
	unsigned c = byte;

	if (byte >= 0x80 && page == WPC1252)
		c = byte < 0xa0 ? wpc1252[byte - 0x80] : byte;
	else if (byte >= 0x80)
		c = page == PC858 && byte == PC858_EURO ? 0x20ac :
		    page == PC850 || page == PC858 ? pc850[byte - 0x80] : pc437[byte - 0x80];
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	ret[0] = (char)(0xe0 | c >> 12);
	ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static bool end_line(struct escpos *p, const struct escpos_out *out)
{
	if (!out->line(out->arg, p->text, p->len))
		return false;
	p->len = 0;
	return true;
}

static bool character(struct escpos *p, const struct escpos_out *out, uint8_t byte)
{
	if (p->len + 4 > sizeof(p->text) && !end_line(p, out))
		return false;
	p->len += escpos_utf8(p->page, byte, p->text + p->len);
	return true;
}

static bool text(struct escpos *p, const struct escpos_out *out, uint8_t byte)
{
	switch (byte) {
	case ESC:
	case GS:
	case FS:
	case DLE:
		p->prefix = byte;
		p->state = COMMAND;
		return true;
	case LF:
		return end_line(p, out);
	case HT:
		return character(p, out, ' ');
	default:
		return byte < 0x20 || byte == 0x7f || character(p, out, byte);
	}
}

/* ---- commands ---- */

/* Before a cut or a pulse, a line that was begun is printed. */
static bool cut(struct escpos *p, const struct escpos_out *out)
{
	return (!p->len || end_line(p, out)) && out->cut(out->arg);
}

static bool feed_lines(struct escpos *p, const struct escpos_out *out)
{
	return !p->len || end_line(p, out);
}

static bool by_esc(struct escpos *p, const struct escpos_out *out)
{
	switch (p->command) {
	case '@':
		if (!feed_lines(p, out))
			return false;
		p->page = 0;
		out->begin(out->arg);
		return true;
	case 't':
		p->page = p->arg[0];
		return true;
	case 'd':
	case 'J':
		return feed_lines(p, out);
	case 'i':
	case 'm':
		return cut(p, out);
	case 'p':
		return out->pulse(out->arg, p->arg[0] & 1 ? 5 : 2);
	default:
		return true;
	}
}

static bool by_gs(struct escpos *p, const struct escpos_out *out)
{
	if (p->command == 'V')
		return cut(p, out);
	if (p->command == 'r')
		out->ask(out->arg, ASK_STATUS, p->arg[0]);
	else if (p->command == 'a')
		out->ask(out->arg, ASK_AUTOMATIC, p->arg[0]);
	else if (p->command == 'I')
		out->ask(out->arg, ASK_IDENTITY, p->arg[0]);
	return true;
}

static bool by_dle(struct escpos *p, const struct escpos_out *out)
{
	if (p->command == 0x04)
		out->ask(out->arg, ASK_REAL_TIME, p->arg[0]);
	else if (p->command == 0x05)
		out->ask(out->arg, ASK_RECOVER, p->arg[0]);
	else if (p->command == 0x14 && p->arg[0] == 1)
		return out->pulse(out->arg, p->arg[1] & 1 ? 5 : 2);
	return true;
}

static int64_t pair(const uint8_t *a)
{
	return a[0] | a[1] << 8;
}

/* The arguments are in: what data follows? */
static void set_tail(struct escpos *p, enum tail tail)
{
	const uint8_t *a = p->arg;

	switch (tail) {
	case PAIR:
		p->skip = pair(a + 1);
		break;
	case RASTER:
		p->skip = pair(a + 2) * pair(a + 4);
		break;
	case COLUMNS:
		p->skip = pair(a + 1) * (a[0] >= 32 ? 3 : 1);
		break;
	case BITMAP:
		p->skip = (int64_t)a[0] * a[1] * 8;
		break;
	case LONG:
		p->skip = pair(a + 1) | pair(a + 3) << 16;
		break;
	default:
		break;
	}
}

static bool act(struct escpos *p, const struct escpos_out *out)
{
	const struct known *k = known(p->prefix, p->command);

	if (k && k->tail == CUT && p->have == 1 && p->arg[0] >= 65) {
		p->want = 2; /* so much paper is fed before it */
		p->state = ARGUMENTS;
		return true;
	}
	if (k && k->tail == BARCODE && p->have == 1 && p->arg[0] > 6) {
		p->want = 2;
		p->state = ARGUMENTS;
		return true;
	}
	if (p->prefix == ESC ? !by_esc(p, out) : p->prefix == GS ? !by_gs(p, out) :
	    p->prefix == DLE ? !by_dle(p, out) : false)
		return false;
	p->skip = 0;
	p->until_nul = k && (k->tail == UP_TO_NUL || (k->tail == BARCODE && p->have == 1));
	if (k && k->tail == BARCODE && p->have == 2)
		p->skip = p->arg[1];
	else if (k)
		set_tail(p, k->tail);
	p->state = p->skip || p->until_nul ? DATA : TEXT;
	return true;
}

static bool command(struct escpos *p, const struct escpos_out *out, uint8_t byte)
{
	const struct known *k = known(p->prefix, byte);

	p->command = byte;
	p->have = 0;
	p->want = k ? k->want : 0;
	p->state = ARGUMENTS;
	if (p->want)
		return true;
	if (act(p, out))
		return true;
	p->state = COMMAND; /* the same byte comes again */
	return false;
}

static bool argument(struct escpos *p, const struct escpos_out *out, uint8_t byte)
{
	p->arg[p->have++] = byte;
	if (p->have < p->want || act(p, out))
		return true;
	p->have--;
	return false;
}

static bool data(struct escpos *p, uint8_t byte)
{
	if (p->until_nul ? byte == 0 : --p->skip == 0)
		p->state = TEXT;
	return true;
}

size_t escpos_feed(struct escpos *p, const struct escpos_out *out, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool taken = p->state == TEXT ? text(p, out, in[i]) :
			     p->state == COMMAND ? command(p, out, in[i]) :
			     p->state == ARGUMENTS ? argument(p, out, in[i]) : data(p, in[i]);

		if (!taken)
			return i;
	}
	return len;
}

size_t escpos_off(struct escpos *p)
{
	size_t len = p->len;

	p->state = TEXT;
	p->page = 0;
	p->len = 0;
	return len;
}
