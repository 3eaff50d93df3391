// SPDX-License-Identifier: Apache-2.0
// One results directory's report.html in a real Chromium: what a person would see, and what a
// person who cannot see would hear. Prints a line for each thing that is wrong; exit 1 then.
//
//   node page.js RESULTS PICTURE.png [expectation...]     story, torn, packet, good-day
"use strict";
const fs = require("fs");
const path = require("path");
const puppeteer = require("puppeteer-core");
const axe = require("axe-core");

const [results, picture, ...expected] = process.argv.slice(2);
const url = "file://" + fs.realpathSync(path.join(results, "report.html"));
const verdict = JSON.parse(fs.readFileSync(path.join(results, "verdict.json")));
const kinds = { lost: "lost", doubled: "doubled", phantom: "phantom", amount: "wrong amount",
	charge: "wrong charge", unknown: "unknown" };
const wrong = [];

function check(ok, words) {
	if (!ok)
		wrong.push(words);
}

// Nothing may be fetched but the page, nothing said on the console, nothing thrown.
async function open(browser) {
	const page = await browser.newPage();

	page.on("console", (m) => wrong.push(`console: ${m.text()}`));
	page.on("pageerror", (e) => wrong.push(`error: ${e.message}`));
	page.on("dialog", (d) => { wrong.push(`a dialog: ${d.message()}`); d.dismiss(); });
	page.on("request", (r) => check(r.url() === url, `it fetches ${r.url()}`));
	await page.setViewport({ width: 1100, height: 800 });
	await page.goto(url, { waitUntil: "load" });
	return page;
}

async function charts(page) {
	const wanted = ["people", "sales", "times", "lanes", "memory", "files", "latency"];

	if (verdict.faults.length)
		wanted.push("faults");
	for (const name of wanted) {
		const box = await page.$eval(`#chart-${name}`, (e) => {
			const b = e.getBoundingClientRect();
			return { w: b.width, h: b.height, marks: e.querySelectorAll("path,rect,circle").length };
		}).catch(() => null);

		check(box && box.w > 300 && box.h > 15 && box.marks > 0,
			`the chart ${name} is not there: ${JSON.stringify(box)}`);
	}
}

function shown(page) {
	return page.$$eval("tr.r", (rows) => rows.filter((r) => r.offsetParent).map((r) => r.className));
}

async function filters(page) {
	const all = (await shown(page)).length;

	if (!all)
		return check(verdict.reconciled.plain === verdict.reconciled.sales, "no rows to filter");
	for (const kind of Object.keys(kinds)) {
		await page.click(`label[for=f-${kind}]`);
		const rows = await shown(page);
		check(rows.every((c) => c.split(" ").includes(kind)), `the filter ${kind} shows others`);
		check(rows.length === Math.min(verdict.reconciled[kind], 100),
			`the filter ${kind} shows ${rows.length} of ${verdict.reconciled[kind]}`);
	}
	await page.focus("#f-unknown"); // and with the keyboard: six to the left
	for (let i = 0; i < 6; i++)
		await page.keyboard.press("ArrowLeft");
	check((await shown(page)).length === all, "the keyboard does not get back to all rows");
}

async function links(page) {
	const hrefs = await page.$$eval("a[href^='#']", (as) => as.map((a) => a.getAttribute("href")));

	for (const href of new Set(hrefs)) {
		await page.evaluate((h) => document.querySelector(`a[href='${h}']`)
			.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })), href);
		const seen = await page.evaluate((h) => {
			const b = document.getElementById(h.slice(1)).getBoundingClientRect();
			return location.hash === h && b.bottom > 0 && b.top < innerHeight;
		}, href);
		check(seen, `the link ${href} does not lead into view`);
	}
	if (hrefs.includes("#moment-0")) {
		await page.evaluate(() => { location.hash = "#moment-0"; });
		const lit = await page.$eval("#moment-0 rect", (e) => getComputedStyle(e).strokeWidth);
		check(lit === "2px", "the moment of the story is not marked on the axis");
	}
	return hrefs;
}

async function accessible(page, scheme) {
	await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
	await page.evaluate(axe.source);
	const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
	for (const v of found.violations)
		wrong.push(`axe, ${scheme}: ${v.id}: ${v.help}: ${v.nodes.length} times, first ` +
			v.nodes[0].html.slice(0, 160));
	const { ink, ground } = await page.evaluate(() => ({ ink: getComputedStyle(document.body).color,
		ground: getComputedStyle(document.body).backgroundColor }));
	return ink + ground;
}

async function expectations(page, hrefs) {
	const tests = {
		story: () => hrefs.includes("#story-0") && hrefs.includes("#moment-0"),
		torn: () => page.$("svg.paper .torn"),
		packet: () => page.$eval("section.story", (s) => /packet \d+/.test(s.textContent)),
		"good-day": () => page.$eval("#chart-sales .good", (e) => e.getTotalLength() > 100),
	};

	for (const name of expected)
		check(await Promise.resolve().then(tests[name]).catch(() => false), `no ${name} on it`);
}

async function print(page) {
	const pdf = await page.pdf({ format: "A4" });

	check(pdf.length > 20000, `printed it is ${pdf.length} bytes`);
}

async function main() {
	const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: process.getuid() === 0 ? ["--no-sandbox"] : [] });

	try {
		const page = await open(browser);

		await charts(page);
		await filters(page);
		await expectations(page, await links(page));
		const dark = await accessible(page, "dark");
		check(await accessible(page, "light") !== dark, "dark and light look the same");
		await page.evaluate(() => { location.hash = ""; scrollTo(0, 0); });
		await page.screenshot({ path: picture, fullPage: true });
		await print(page);
	} finally {
		await browser.close();
	}
	for (const w of wrong)
		console.log(w);
	process.exit(wrong.length ? 1 : 0);
}

main().catch((e) => { console.log(e.stack); process.exit(1); });
