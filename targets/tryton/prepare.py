#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""prepare.py - from nothing to a shop that can sell, inside the target's root directory.

Makes the database, activates sale_point and what it needs, then sets up one company with a chart
of accounts, a fiscal year, a tax, journals, the shelf of goods.csv, and one point of sale, one
user and one gapless sequence per lane. Everything goes through Tryton's own programs and models
(trytond-admin, then proteus in this process): no table is written by hand.

Run as the user that will run trytond. Starts over from an empty folder when interrupted.
"""
import csv
import datetime
import logging
import os
import subprocess
import sys
import time
from decimal import Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = os.environ.get('TRYTOND_CONFIG', HERE + '/trytond.conf')
DATABASE = os.environ.get('POS_DATABASE', 'pos')
PASSWORD = os.environ.get('POS_PASSWORD', 'till till till')
LANES = int(os.environ.get('POS_LANES', '2'))
STOCK = 1_000_000  # of each article, so that no sale is refused for want of goods
MODULES = ['sale_point']


def say(words, since=[time.monotonic()]):
    now = time.monotonic()
    print('prepare: %-40s %5.1f s' % (words, now - since[0]), flush=True)
    since[0] = now


def make_database():
    """An empty file is what trytond-admin expects of SQLite; an old one is removed. PostgreSQL's
    empty database was made by the step before."""
    from trytond.config import config
    config.update_etc(CONFIG)
    if config.get('database', 'uri').startswith('sqlite'):
        path = os.path.join(config.get('database', 'path'), DATABASE + '.sqlite')
        for leftover in (path, path + '-journal', path + '-wal', path + '-shm'):
            if os.path.exists(leftover):
                os.unlink(leftover)
        open(path, 'w').close()
    secret = os.path.join(os.environ.get('TMPDIR', '/tmp'), 'trytond-password.%d' % os.getpid())
    with open(secret, 'w') as f:
        f.write(PASSWORD)
    try:
        subprocess.run(
            ['trytond-admin', '-c', CONFIG, '-d', DATABASE, '--email', 'shop@example.com',
             '-u', *MODULES, '--activate-dependencies'],
            env=dict(os.environ, TRYTONPASSFILE=secret), stdin=subprocess.DEVNULL, check=True)
    finally:
        os.unlink(secret)
    say('database, modules')


def set_up_company():
    from proteus import Model
    from trytond.modules.account.tests.tools import (
        create_chart, create_fiscalyear, create_tax, get_accounts)
    from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
    from trytond.modules.company.tests.tools import create_company, get_company
    from trytond.modules.currency.tests.tools import get_currency
    Party = Model.get('party.party')
    party = Party(name='Worst Day Store')
    party.save()
    create_company(party=party, currency=get_currency('EUR'))
    company = get_company()
    year = datetime.date.today().year
    # Wide: a trial may shift the clock by years.
    for y in (year - 1, year, year + 1):
        span = (datetime.date(y, 1, 1), datetime.date(y, 12, 31))
        fiscalyear = create_fiscalyear(company, today=span)
        fiscalyear.start_date, fiscalyear.end_date = span
        fiscalyear.name = str(y)
        fiscalyear = set_fiscalyear_invoice_sequences(fiscalyear)
        fiscalyear.click('create_period')
    create_chart(company)
    accounts = get_accounts(company)
    tax = create_tax(Decimal('.20'))
    tax.save()
    say('company, accounts, tax')
    return company, accounts, tax


def stock_shelf(company, accounts, tax):
    """Articles of goods.csv, the marker that carries a sale's key, and goods in the storage."""
    from proteus import Model
    Category = Model.get('product.category')
    Inventory = Model.get('stock.inventory')
    Location = Model.get('stock.location')
    Template = Model.get('product.template')
    Uom = Model.get('product.uom')
    unit, = Uom.find([('name', '=', 'Unit')])
    taxed = Category(name='Goods', accounting=True, account_revenue=accounts['revenue'],
                     account_expense=accounts['expense'])
    taxed.customer_taxes.append(tax)
    taxed.save()
    untaxed = Category(name='Reference', accounting=True, account_revenue=accounts['revenue'])
    untaxed.save()
    templates = []
    with open(HERE + '/goods.csv', newline='') as f:
        for row in csv.DictReader(f):
            t = Template(name=row['sku'].capitalize(), type='goods', default_uom=unit,
                         salable=True, account_category=taxed)
            t.gross_price = Decimal(row['price']) / 100
            t.products[0].suffix_code = row['sku']
            templates.append(t)
    ref = Template(name='Till reference', type='service', default_uom=unit, salable=True,
                   account_category=untaxed)
    ref.list_price = ref.gross_price = Decimal(0)
    ref.products[0].suffix_code = 'REF'
    templates.append(ref)
    Template.save(templates)
    say('%d articles' % len(templates))
    storage, = Location.find([('code', '=', 'STO')])
    inventory = Inventory(location=storage, company=company)
    for t in templates[:-1]:
        line = inventory.lines.new()
        line.product = t.products[0]
        line.quantity = STOCK
    inventory.save()
    inventory.click('confirm')
    say('stock')


def open_lanes(company, accounts):
    from proteus import Model
    Company = Model.get('company.company')
    Employee = Model.get('company.employee')
    Group = Model.get('res.group')
    Journal = Model.get('account.journal')
    Location = Model.get('stock.location')
    Method = Model.get('sale.point.payment.method')
    Party = Model.get('party.party')
    Point = Model.get('sale.point')
    Sequence = Model.get('ir.sequence.strict')
    SequenceType = Model.get('ir.sequence.type')
    User = Model.get('res.user')
    accounts['terminal'], = accounts['cash'].duplicate(default={'name': 'Card terminal'})
    Method(name='Cash', account=accounts['cash'], cash=True).save()
    Method(name='Card', account=accounts['terminal']).save()
    journal, = Journal.find([('type', '=', 'revenue')], limit=1)
    storage, = Location.find([('code', '=', 'STO')])
    customer, = Location.find([('code', '=', 'CUS')])
    kind, = SequenceType.find([('name', '=', 'POS')], limit=1)
    groups = Group.find([('name', 'in', ['POS', 'POS Posting', 'Stock', 'Account'])])
    for lane in ('lane-%d' % (i + 1) for i in range(LANES)):
        sequence = Sequence(name=lane, company=company, sequence_type=kind)
        sequence.save()
        Point(name=lane, company=company, journal=journal, sequence=sequence,
              storage_location=storage, return_location=storage,
              customer_location=customer).save()
        party = Party(name='Cashier of ' + lane)
        party.save()
        employee = Employee(party=party, company=company)
        employee.save()
        user = User(name=lane, login=lane, password=PASSWORD)
        user.companies.append(Company(company.id))  # a record belongs to one list only
        user.company = company
        user.employees.append(Employee(employee.id))
        user.employee = employee
        user.groups.extend(Group.find([('id', 'in', [g.id for g in groups])]))
        user.save()
    say('%d lanes' % LANES)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    logging.captureWarnings(True)  # Python's own about old idioms: hundreds of lines
    logging.getLogger('py.warnings').setLevel(logging.CRITICAL)
    make_database()
    from proteus import config as proteus_config
    proteus_config.set_trytond(
        database=os.environ.get('POS_URI', 'sqlite:///' + DATABASE), config_file=CONFIG)
    company, accounts, tax = set_up_company()
    stock_shelf(company, accounts, tax)
    open_lanes(company, accounts)
    os._exit(0)  # every call above has committed; trytond leaves its connections to the end


if __name__ == '__main__':
    main()
