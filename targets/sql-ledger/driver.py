#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""driver.py - the cashier of an SQL-Ledger till: fills in the forms of its POS in a browser.

Theory of operation. One JSON object per line comes in, one per line goes out; requests may overlap
(a thread each). A sale goes the way a browser takes it; each page is a form that carries all that is
known of the sale so far, and nothing is in the database until it is posted:

    login.pl                       once per lane: the cookie
    ps.pl?action=add               an empty form
    ps.pl  action=Update           per article: its number and quantity in the last row
    ps.pl  action=Post             with the key as the description, and the money

After that the cashier looks the sale up by its description, which shows the number and the amount
that the receipt would have. The key is the field Description of the form: `ar.description`.

What is told: ok when the sale was found; refused never: SQL-Ledger shows an error page with status 200
for whatever went wrong, which says nothing about what is in the database. A key that was tried before
is looked up first and rung up only if it is not there, as a cashier would.

Environment: POS_URL (http://app:8080/sql-ledger), POS_PASSWORD. The standard library only.
"""
import html.parser
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse

URL = urllib.parse.urlsplit(os.environ.get('POS_URL', 'http://app:8080/sql-ledger'))
PASSWORD = os.environ.get('POS_PASSWORD', 'till')
CASH, CARD = '1065--Petty Cash', '1060--Checking Account'
PATH = 'bin/mozilla'


class Unknown(Exception):
    """Nobody knows what became of the request."""


class Page(html.parser.HTMLParser):
    """The fields of a page's form, as a browser would send them, and the cells of its tables."""

    def __init__(self, text):
        super().__init__()
        self.fields, self.rows, self.select, self.cell = {}, [], None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == 'input' and a.get('type', 'text') in ('text', 'hidden') and a.get('name'):
            self.fields[a['name']] = a.get('value') or ''
        elif tag == 'select':
            self.select = a.get('name')
        elif tag == 'option' and self.select:
            value = a.get('value', '')
            if 'selected' in a or self.select not in self.fields:
                self.fields[self.select] = value
        elif tag == 'tr':
            self.rows.append([])
        elif tag in ('td', 'th') and self.rows:
            self.rows[-1].append('')
            self.cell = True

    def handle_endtag(self, tag):
        if tag == 'select':
            self.select = None
        elif tag in ('td', 'th'):
            self.cell = None

    def handle_data(self, data):
        if self.cell and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


class Lane:
    """One till: its login and which keys it has tried."""

    def __init__(self, name):
        self.login = name + '@pos'
        self.lock = threading.Lock()   # protects the cookie and the two below
        self.cookie = None
        self.tried = set()
        self.trying = {}               # key -> lock: one try at a time

    def send(self, script, fields, deadline, what):
        """One page. `what` is appended to the script's path, where SQL-Ledger does not look: it tells
        the calls apart for faults (`request:`). Its query would be taken for the whole form."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise Unknown('deadline passed before %s' % what)
        headers = {'User-Agent': 'till', 'Content-Type': 'application/x-www-form-urlencoded'}
        if self.cookie:
            headers['Cookie'] = self.cookie
        connection = http.client.HTTPConnection(URL.hostname, URL.port or 80, timeout=left)
        try:
            connection.request('POST', '%s/%s/%s' % (URL.path, script, what),
                               urllib.parse.urlencode(fields), headers)
            response = connection.getresponse()
            text = response.read().decode('utf-8', 'replace')
        except (OSError, http.client.HTTPException) as e:
            raise Unknown('%s: %s: %s' % (what, type(e).__name__, e)) from None
        finally:
            connection.close()
        if response.status != 200:
            raise Unknown('%s: HTTP %d' % (what, response.status))
        if 'class=error' in text:
            raise Unknown('%s: %s' % (what, text[text.index('class=error'):][:200].replace('\n', ' ')))
        return response, text

    def page(self, script, fields, deadline, what):
        self.log_in(deadline)
        fields = dict(fields, path=PATH, login=self.login)
        return Page(self.send(script, fields, deadline, what)[1])

    def log_in(self, deadline):
        with self.lock:
            if self.cookie:
                return
            fields = {'action': 'login', 'path': PATH, 'login': self.login, 'password': PASSWORD}
            response, text = self.send('login.pl', fields, deadline, 'login')
            for cookie in response.headers.get_all('Set-Cookie') or []:
                if cookie.startswith('SL-'):
                    self.cookie = cookie.split(';')[0]
            if not self.cookie:
                raise Unknown('login: no cookie: %s' % text[:200])

    # --- a sale ---------------------------------------------------------------------------------

    def ring_up(self, key, items, tender, deadline):
        page = self.page('ps.pl', {'action': 'add'}, deadline, 'add')
        for item in items:
            row = page.fields.get('rowcount') or '0'
            if 'partnumber_' + row not in page.fields:
                raise Unknown('no row %s to fill in: %s' % (row, sorted(page.fields)))
            fields = dict(page.fields, action='Update', **{
                'partnumber_' + row: item['sku'], 'qty_' + row: str(item.get('qty', 1))})
            page = self.page('ps.pl', fields, deadline, 'update')
        fields = dict(page.fields, action='Post', description=key, paid_1=page.fields['invtotal'],
                      AR_paid_1=CASH if tender == 'cash' else CARD)
        self.page('ps.pl', fields, deadline, 'post')

    def find(self, key, deadline):
        """Number and amount of the invoice with this description; None when there is none."""
        fields = {'action': 'transactions', 'nextsub': 'transactions', 'vc': 'customer', 'ARAP': 'AR',
                  'description': key, 'open': 'Y', 'closed': 'Y', 'summary': '1', 'sort': 'transdate',
                  'l_invnumber': 'Y', 'l_description': 'Y', 'l_amount': 'Y'}
        page = self.page('ar.pl', fields, deadline, 'find')
        for row in page.rows:
            if key in row:
                number, amount = [c for c in row if c and c != key][-2:]
                return number, amount
        return None

    def sell(self, request, deadline):
        """A try that the cashier has given up may be an instant from its end when the next comes."""
        key = request['key']
        with self.lock:
            one = self.trying.setdefault(key, threading.Lock())
        with one:
            again = key in self.tried or request.get('attempt', 1) > 1
            self.tried.add(key)
            found = self.find(key, deadline) if again else None
            if found is None:
                self.ring_up(key, request['items'], request.get('tender') or 'cash', deadline)
                found = self.find(key, deadline)
            if found is None:
                raise Unknown('posted, and not to be found')
        return {'outcome': 'ok', 'receipt': found[0], 'currency': 'EUR',
                'total': int(found[1].replace('.', '').replace(',', ''))}


def handle(lanes, request, started):
    deadline = started + request.get('deadline_ms', 60000) / 1000
    if request.get('op') != 'sell':
        return {'outcome': 'unknown', 'error': 'no such op: %s' % request.get('op')}
    try:
        return lanes.setdefault(request['lane'], Lane(request['lane'])).sell(request, deadline)
    except Unknown as e:
        return {'outcome': 'unknown', 'error': str(e)}
    except Exception as e:  # a page shaped as never before: nothing is known
        return {'outcome': 'unknown', 'error': 'driver: %s: %s' % (type(e).__name__, e)}


def main():
    lanes, lock = {}, threading.Lock()

    def work(request, started):
        reply = dict(handle(lanes, request, started), id=request.get('id'))
        with lock:
            sys.stdout.write(json.dumps(reply) + '\n')
            sys.stdout.flush()

    for text in sys.stdin:
        if text.strip():
            threading.Thread(target=work, args=(json.loads(text), time.monotonic())).start()


if __name__ == '__main__':
    main()
