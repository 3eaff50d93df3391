#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# prepare.pl - from an empty database to a shop that can sell, once: SQL-Ledger's own User->dbcreate
# makes the dataset `pos` (as the page "Create Dataset" of admin.pl does), then what an administrator
# would type in: euros, the shelf of goods.csv, one customer, an employee and a login per lane.
# SQL-Ledger's logins are text files; they lie beside the spool in /var/lib/sql-ledger.

use strict;
use warnings;
use DBI;

my ($home, $stock, $password) = ('/var/lib/sql-ledger', 1000000, 'till');

BEGIN { chdir '/usr/share/sql-ledger' or die "chdir: $!"; push @INC, '.'; }
{ no warnings; require SL::Form; require SL::User; }

my %database = (dbdriver => 'Pg', dbhost => 'db', dbuser => 'ledger', dbname => 'pos');

mkdir "$home/$_" or die "$home/$_: $!" for qw(users spool templates css);
open my $members, '>', "$home/users/members" or die "members: $!";
close $members;

my $form = bless { %database, db => 'pos', dbdefault => 'template1', encoding => 'UTF8',
	chart => 'Default', company => 'The shop' }, 'Form';
{ no warnings; User->dbcreate($form); }
# What it makes is a version behind what its login page asks for: it would be updated at the first login.
$form->{dbversion} = '3.2.1';
{ no warnings; User->dbupdate($form); }

my $dbh = DBI->connect('dbi:Pg:dbname=pos;host=db', 'ledger', '', { RaiseError => 1, AutoCommit => 0 });
$dbh->do($_) for (
	'DELETE FROM curr', q{INSERT INTO curr (rn, curr, prec) VALUES (1, 'EUR', 2)},
	q{INSERT INTO defaults (fldname, fldvalue) VALUES ('sinumber', '0')},
	q{INSERT INTO customer (name, customernumber, curr, arap_accno_id, payment_accno_id) VALUES
	  ('Over the counter', '1', 'EUR', (SELECT id FROM chart WHERE accno = '1200'),
	   (SELECT id FROM chart WHERE accno = '1065'))},
	q{INSERT INTO address (trans_id) SELECT id FROM customer},
);

open my $goods, '<', '/target/goods.csv' or die "goods.csv: $!";
<$goods>;
while (<$goods>) {
	chomp;
	my ($sku, $price) = split /,/;
	$dbh->do(q{INSERT INTO parts (partnumber, description, unit, sellprice, lastcost, onhand,
		inventory_accno_id, income_accno_id, expense_accno_id) VALUES (?, ?, 'ea', ?, 0, ?,
		(SELECT id FROM chart WHERE accno = '1520'), (SELECT id FROM chart WHERE accno = '4020'),
		(SELECT id FROM chart WHERE accno = '5020'))}, undef, $sku, lc $sku, $price / 100, $stock);
}

for my $lane (qw(lane-1 lane-2)) {
	$dbh->do('INSERT INTO employee (login, name, sales) VALUES (?, ?, true)', undef, $lane, $lane);
}
$dbh->commit;

for my $lane (qw(lane-1 lane-2)) {
	no warnings;
	my $user = bless { %database, login => "$lane\@pos", name => $lane, password => $password,
		company => 'The shop', charset => 'UTF8', encoding => 'UTF8', dateformat => 'yy-mm-dd',
		numberformat => '1000.00', stylesheet => 'sql-ledger.css', templates => 'templates/pos',
		vclimit => 1000, timeout => 86400 }, 'User';
	$user->save_member("$home/users/members", "$home/users");
}
$dbh->disconnect;
