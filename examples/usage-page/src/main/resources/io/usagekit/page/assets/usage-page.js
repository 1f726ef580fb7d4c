// Draws the charts from the table of days, and loads the figures again while they are pending, being refreshed or too old.
import uPlot from "./uPlot.js";

const HEIGHT = 210;
const UNITS = ["", "k", "M", "G", "T", "P", "E"];
// From 1 to beyond the largest figure.
const STEPS = Array.from({ length: 20 }, (none, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const darkness = matchMedia("(prefers-color-scheme: dark)");
let charts = [];

function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A label of an axis: 1500 is "1.5k". Figures themselves are printed by the server, to the last digit.
function short(number) {
    let unit = 0;
    while (Math.abs(number) >= 1000 && unit < UNITS.length - 1) {
        number /= 1000;
        unit++;
    }
    return Number(number.toFixed(1)) + UNITS[unit];
}

function axis(values, options) {
    return {
        stroke: colour("--muted"),
        font: "12px system-ui, sans-serif",
        grid: { stroke: colour("--line"), width: 1 },
        ticks: { show: false },
        values,
        ...options,
    };
}

function series(label, fill, align, texts) {
    return {
        label,
        fill,
        stroke: fill,
        width: 0,
        paths: uPlot.paths.bars({ size: [0.4, 26], align, radius: 0.15 }),
        points: { show: false },
        value: (plot, value, index, day) => (day == null ? "" : texts[day]),
    };
}

function draw(figure) {
    const rows = [...document.querySelectorAll("#" + figure.dataset.source + " tbody tr")];
    const isBytes = figure.dataset.chart === "bytes";
    const unit = isBytes ? "B" : "";
    const read = (name) => rows.map((row) => Number(row.getAttribute("data-" + name + "-" + figure.dataset.chart)));
    const texts = (column) => rows.map((row) => row.cells[column + (isBytes ? 1 : 0)].textContent.trim());
    const days = rows.map((row) => row.dataset.day);
    const labels = rows.map((row) => row.cells[0].textContent.trim());
    const canvas = figure.querySelector(".canvas");
    figure.hidden = false;
    canvas.replaceChildren();
    const plot = new uPlot(
        {
            width: Math.max(canvas.clientWidth, 240),
            height: HEIGHT,
            padding: [12, 8, 0, 0],
            cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
            legend: { live: true },
            scales: {
                x: { time: false, range: [-0.6, Math.max(days.length, 7) - 0.4] },
                y: { range: (self, low, high) => [0, Math.max(high, 1) * 1.08] },
            },
            axes: [
                axis((self, ticks) => ticks.map((tick) => (Number.isInteger(tick) && days[tick] ? Number(days[tick].slice(8)) : "")), {
                    grid: { show: false },
                    incrs: [1, 2, 5, 10, 20, 50, 100],
                    space: 26,
                    size: 28,
                }),
                axis((self, ticks) => ticks.map((tick) => (tick === 0 ? "0" : short(tick) + unit)), { size: 58, space: 44, incrs: STEPS }),
            ],
            series: [
                { label: "Day", value: (self, value, index, day) => (day == null ? "" : labels[day]) },
                series("Received", colour("--received"), -1, texts(1)),
                series("Sent", colour("--sent"), 1, texts(3)),
            ],
        },
        [days.map((day, index) => index), read("received"), read("sent")],
        canvas,
    );
    plot.over.addEventListener("click", () => {
        const link = rows[plot.cursor.idx]?.querySelector("a");
        if (link) {
            link.click();
        }
    });
    return { plot, canvas };
}

function drawAll() {
    charts.forEach((chart) => chart.plot.destroy());
    charts = [...document.querySelectorAll("[data-chart]")].map(draw);
    document.documentElement.dataset.charts = String(charts.length);
}

function resize() {
    for (const { plot, canvas } of charts) {
        if (canvas.clientWidth > 0 && canvas.clientWidth !== plot.width) {
            plot.setSize({ width: canvas.clientWidth, height: HEIGHT });
        }
    }
}

// Replaces the figures and leaves open what is open, and the focus where it is.
function replace(figures) {
    const before = document.getElementById("figures");
    const focused = before.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...before.querySelectorAll("details[open]")].map((details) => details.id);
    const status = document.getElementById("freshness");
    const newer = figures.querySelector("#freshness");
    // The element stays, so that a screen reader announces its new content.
    status.className = newer.className;
    status.replaceChildren(...newer.childNodes);
    newer.replaceWith(status);
    before.replaceWith(figures);
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    if (focused) {
        document.getElementById(focused)?.focus();
    }
    drawAll();
}

async function load() {
    const response = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return page.getElementById("figures");
}

function poll(failures) {
    const figures = document.getElementById("figures");
    const delay = Number(figures?.dataset.poll ?? 0);
    if (delay === 0) {
        return;
    }
    setTimeout(async () => {
        let failed = failures + 1;
        try {
            const newer = document.hidden ? null : await load();
            if (newer?.dataset.version !== undefined) {
                failed = 0;
                if (newer.dataset.version !== document.getElementById("figures").dataset.version) {
                    replace(newer);
                }
            }
        } catch {
            // The server is away: the next attempt comes later.
        }
        poll(failed);
    }, Math.min(delay * 2 ** failures, 60_000));
}

drawAll();
poll(0);
addEventListener("resize", resize);
darkness.addEventListener("change", drawAll);
