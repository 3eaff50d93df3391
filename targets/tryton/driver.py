#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""driver.py - the cashier of a Tryton till: sells through trytond's JSON-RPC.

Theory of operation. One JSON object per line comes in, one per line goes out; requests may overlap
(a thread each) and are answered in any order. A sale goes the way the Tryton client takes it:

    common.db.login                                    once per lane, again when the session ends
    model.sale.point.sale.line.on_change_product       the price of an article, remembered
    model.sale.point.sale.create                       one call: sale and lines; state `open`
    wizard.sale.point.sale.pay  create, execute(payment), execute(pay), delete
                                                       the payment; state `done`, gets its number
    model.sale.point.sale.read                         number, total: what the receipt would show

sale_point has no free text on a sale, so its key is planted as a line: article REF, price zero, a
service (so no stock moves), quantity = the number in the key ("S42" -> 42). It is written in the
same transaction as the sale.

What is told: ok when the sale was read back as done; refused when Tryton answered with one of its
own user errors, which means that it rolled the call back; unknown for anything else (no answer,
timeout, HTTP 5xx, an error of its database). A key tried before is looked up first, as a cashier
would: done is told again, open is paid, absent is rung up anew.

Ops: open-session, sell, close (posts the lane's sales, counts the drawer, closes and posts its
session). Environment: POS_URL (http://app:8000), POS_DATABASE (pos), POS_PASSWORD, POS_LANE (the
lane when a request names none).
"""
import base64
import http.client
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from decimal import Decimal

URL = urllib.parse.urlsplit(os.environ.get('POS_URL', 'http://app:8000'))
DATABASE = os.environ.get('POS_DATABASE', 'pos')
PASSWORD = os.environ.get('POS_PASSWORD', 'till till till')
CURRENCY = 'EUR'
SALE, LINE, PAY = 'sale.point.sale', 'sale.point.sale.line', 'sale.point.sale.pay'


class Refused(Exception):
    """Tryton said no in its own words; it has rolled the call back."""


class Unknown(Exception):
    """Nobody knows what became of the call."""


class Expired(Exception):
    """The session is not valid (any more); the call was not carried out."""


def decimal(value):
    return {'__class__': 'Decimal', 'decimal': str(value)}


def undecimal(dct):
    return Decimal(dct['decimal']) if dct.get('__class__') == 'Decimal' else dct


def minor(amount):
    return int(amount * 100)


def number_of(key):
    digits = re.search(r'(\d+)$', key)
    if not digits:
        raise Refused('the key %r has no number to plant' % key)
    return int(digits.group(1))


def post(method, params, deadline, authorization=None):
    """One JSON-RPC call on its own connection (trytond closes after each answer)."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Unknown('deadline passed before %s' % method)
    headers = {'Content-Type': 'application/json'}
    if authorization:
        headers['Authorization'] = authorization
    body = json.dumps({'id': 0, 'method': method, 'params': params}).encode()
    connection = http.client.HTTPConnection(URL.hostname, URL.port or 80, timeout=left)
    try:
        # trytond does not read the query; it tells the calls apart for faults (`request:`) and logs.
        connection.request('POST', '/%s/?%s' % (DATABASE, method), body, headers)
        response = connection.getresponse()
        data = response.read()
    except (OSError, http.client.HTTPException) as e:
        raise Unknown('%s: %s: %s' % (method, type(e).__name__, e)) from None
    finally:
        connection.close()
    if response.status == 401:
        raise Expired(method)
    if response.status != 200:
        raise Unknown('%s: HTTP %d' % (method, response.status))
    return answer_of(method, data)


def answer_of(method, data):
    try:
        answer = json.loads(data, object_hook=undecimal)
    except ValueError:
        raise Unknown('%s: not JSON' % method) from None
    error = answer.get('error')
    if error is None:
        return answer.get('result')
    # A user error arrives as [name, [message, description, ...]]; others as [text, traceback].
    if error[0] in ('UserError', 'UserWarning'):
        raise Refused('%s: %s' % (method, error[1][0] if isinstance(error[1], list) else error[1]))
    raise Unknown('%s: %s' % (method, error[0]))


class Lane:
    """One till: its login, its point of sale, the prices it has seen."""

    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()   # protects the login and the remembered things below
        self.authorization = None
        self.context = {}
        self.point = None
        self.methods = {}              # cash, card -> id
        self.articles = {}             # code -> (product id, list price, gross price)
        self.tried = set()             # keys asked for before
        self.trying = {}               # key -> lock: one try at a time

    def login(self, deadline):
        with self.lock:
            if self.authorization is None:
                result = post('common.db.login', [self.name, {'password': PASSWORD}], deadline)
                token = ':'.join([self.name, str(result[0]), result[1]])
                self.authorization = 'Session ' + base64.b64encode(token.encode()).decode()
            return self.authorization

    def call(self, method, *params, deadline, context=None):
        for attempt in (1, 2):
            authorization = self.login(deadline)
            try:
                return post(method, [*params, dict(self.context, **(context or {}))],
                            deadline, authorization)
            except Expired:
                with self.lock:
                    if self.authorization == authorization:
                        self.authorization = None
        raise Unknown('%s: not authorised' % method)

    def get_ready(self, deadline):
        """Who and where we are: read once."""
        if self.point is not None:
            return
        context = self.call('model.res.user.get_preferences', True, deadline=deadline)
        point, = self.call('model.sale.point.search_read', [['name', '=', self.name]], 0, 1, None,
                           ['name'], deadline=deadline, context=context)
        methods = self.call('model.sale.point.payment.method.search_read', [], 0, None, None,
                            ['name', 'cash'], deadline=deadline, context=context)
        self.methods = {'cash' if m['cash'] else 'card': m['id'] for m in methods}
        self.context = context
        self.point = point['id']

    def article(self, code, deadline):
        """Product and prices, as the client's on_change_product fills them in."""
        if code not in self.articles:
            found = self.call('model.product.product.search_read', [['code', '=', code]], 0, 1,
                              None, ['code'], deadline=deadline)
            if not found:
                raise Refused('no article %r' % code)
            line = {'id': -1, 'product': found[0]['id'], 'quantity': 1,
                    'sale': {'id': -1, 'point': self.point, 'company': self.context['company']}}
            change = self.call('model.%s.on_change_product' % LINE, line, deadline=deadline)
            self.articles[code] = (found[0]['id'], change['unit_list_price'],
                                   change['unit_gross_price'])
        return self.articles[code]

    def line(self, code, quantity, deadline):
        product, list_price, gross_price = self.article(code, deadline)
        return {'product': product, 'quantity': quantity,
                'unit_list_price': decimal(list_price), 'unit_gross_price': decimal(gross_price)}

    # --- a sale ---------------------------------------------------------------------------------

    def find(self, key, deadline):
        """The sale of this key, done before open; None when Tryton has none."""
        marker = self.article('REF', deadline)[0]
        lines = self.call('model.%s.search_read' % LINE,
                          [['product', '=', marker], ['quantity', '=', number_of(key)],
                           ['sale.state', '!=', 'cancelled']], 0, None, None,
                          ['sale', 'sale.state'], deadline=deadline)
        lines.sort(key=lambda l: l['sale.']['state'] == 'open')
        return lines[0]['sale'] if lines else None

    def ring_up(self, key, items, deadline):
        lines = [self.line(i['sku'], i.get('qty', 1), deadline) for i in items]
        lines.append(self.line('REF', number_of(key), deadline))
        sale = {'point': self.point, 'lines': [['create', lines]]}
        return self.call('model.%s.create' % SALE, [sale], deadline=deadline)[0]

    def pay(self, sale, tender, deadline):
        """The wizard behind the Pay button; its default amount is what is left to pay."""
        context = {'active_model': SALE, 'active_id': sale, 'active_ids': [sale]}
        wizard = 'wizard.' + PAY
        session, state, end = self.call(wizard + '.create', deadline=deadline)
        view = self.call(wizard + '.execute', session, {}, state, deadline=deadline,
                         context=context)['view']
        amount = view['defaults']['amount']
        payment = {'sale': sale, 'method': self.methods[tender], 'amount': decimal(amount)}
        left = self.call(wizard + '.execute', session, {'payment': payment}, 'pay',
                         deadline=deadline, context=context)
        self.call(wizard + '.delete', session, deadline=deadline)
        if left.get('view'):
            raise Unknown('not paid off: the wizard asks for more')

    def look(self, sale, deadline):
        row, = self.call('model.%s.read' % SALE, [sale],
                         ['number', 'total', 'state', 'point.name'], deadline=deadline)
        return row

    def sell(self, request, deadline):
        """A try that the cashier has given up may be an instant from its end when the next comes:
        they would both ring the sale up."""
        with self.lock:
            one = self.trying.setdefault(request['key'], threading.Lock())
        with one:
            return self.sell_once(request, deadline)

    def sell_once(self, request, deadline):
        self.get_ready(deadline)
        key = request['key']
        with self.lock:
            again = key in self.tried or request.get('attempt', 1) > 1
            self.tried.add(key)
        sale = self.find(key, deadline) if again else None
        if sale is None:
            sale = self.ring_up(key, request['items'], deadline)
            row = {'state': 'open'}
        else:
            row = self.look(sale, deadline)
        if row['state'] == 'open':
            self.pay(sale, request.get('tender') or 'cash', deadline)
            row = self.look(sale, deadline)
        if row['state'] not in ('done', 'posted'):
            raise Unknown('the sale is still %s' % row['state'])
        # A sale found again may be another till's: its number is of that till's series.
        return {'outcome': 'ok', 'receipt': '%s/%s' % (row['point.']['name'], row['number']),
                'total': minor(row['total']), 'currency': CURRENCY}

    # --- the drawer -----------------------------------------------------------------------------

    def session(self, deadline):
        found = self.call('model.sale.point.cash.session.search_read',
                          [['point', '=', self.point], ['state', '=', 'open']], 0, 1, None,
                          ['start_amount', 'balance'], deadline=deadline)
        return found[0] if found else None

    def open_session(self, request, deadline):
        self.get_ready(deadline)
        if self.session(deadline) is None:
            last = self.call('model.sale.point.cash.session.search',
                             [['point', '=', self.point], ['next_session', '=', None]], 0, 1, None,
                             deadline=deadline)
            self.call('model.sale.point.cash.session.create',
                      [{'point': self.point, 'previous_session': last[0] if last else None}],
                      deadline=deadline)
        return {'outcome': 'ok'}

    def close(self, request, deadline):
        self.get_ready(deadline)
        done = self.call('model.%s.search' % SALE,
                         [['point', '=', self.point], ['state', '=', 'done']], 0, None, None,
                         deadline=deadline)
        for i in range(0, len(done), 50):
            self.call('model.%s.post' % SALE, done[i:i + 50], deadline=deadline)
        session = self.session(deadline)
        if session is not None:
            model, ids = 'model.sale.point.cash.session', [session['id']]
            counted = session['start_amount'] + session['balance']
            self.call(model + '.write', ids, {'end_amount': decimal(counted)}, deadline=deadline)
            self.call(model + '.close', ids, deadline=deadline)
            self.call(model + '.post', ids, deadline=deadline)
        return {'outcome': 'ok'}

    def probe(self, request, deadline):
        self.get_ready(deadline)
        self.call('model.sale.point.read', [self.point], ['name'], deadline=deadline)
        return {'outcome': 'ok'}


OPS = {'sell': Lane.sell, 'open-session': Lane.open_session, 'close': Lane.close,
       'probe': Lane.probe}


def handle(lanes, request, started):
    deadline = started + request.get('deadline_ms', 60000) / 1000
    op = OPS.get(request.get('op'))
    if op is None:
        return {'outcome': 'unknown', 'error': 'no such op: %s' % request.get('op')}
    name = request.get('lane') or os.environ.get('POS_LANE', 'lane-1')
    try:
        return op(lanes.setdefault(name, Lane(name)), request, deadline)
    except Refused as e:
        return {'outcome': 'refused', 'error': str(e)}
    except Unknown as e:
        return {'outcome': 'unknown', 'error': str(e)}
    except Exception as e:  # an answer shaped as never before: nothing is known
        return {'outcome': 'unknown', 'error': 'driver: %s: %s' % (type(e).__name__, e)}


def main():
    lanes, lock = {}, threading.Lock()

    def work(request, started):
        reply = dict(handle(lanes, request, started), id=request.get('id'))
        with lock:
            sys.stdout.write(json.dumps(reply) + '\n')
            sys.stdout.flush()

    threads = []
    for text in sys.stdin:
        if text.strip():
            thread = threading.Thread(target=work, args=(json.loads(text), time.monotonic()))
            thread.start()
            threads = [t for t in threads if t.is_alive()] + [thread]
    for thread in threads:
        thread.join()


if __name__ == '__main__':
    main()
