package io.usagekit.benchmarks;

import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.HorizontalAlign;
import io.usagekit.OrganisationUsage;
import io.usagekit.benchmarks.Comparison.Spread;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * What the server plans, executes and reads for each kind of work on tables without partitions and with many: the databases are measured
 * in turn, each round in another order, and ratios are taken within a round. Figures of all databases are compared as well.
 */
final class ScaleBenchmark {

    static final int MAX_SAMPLES = 20;

    /** Calls before the ones that count, so that statements are prepared and the session knows the tables. */
    private static final int WARM_UP = 8;

    private static final double NANOS_OF_WARM_UP = 20e9;

    private static final String LARGE = "org-1";
    private static final String TINY = "org-100";

    private final int events;
    private final List<Integer> partitions;
    private final int samples;
    private final PrintWriter out;
    private final List<Row> rows = new ArrayList<>();

    /** One kind of work: only {@code run} is measured. */
    @SuppressWarnings("UnusedVariable") // by what does nothing unless overridden
    private interface Work<R> {

        default void prepare(ScaleDatabase database, int round) throws Exception {}

        R run(ScaleDatabase database, int round) throws Exception;

        /** Of how many units the result is, each of which is to be compared. */
        double units(ScaleDatabase database, R result) throws Exception;
    }

    private record Row(String work, String measure, List<String> cells) {}

    /**
     * Prepares.
     *
     * @param partitions partitions of each table, a column of the output each
     * @param samples measurements of each cell
     */
    ScaleBenchmark(int events, List<Integer> partitions, int samples, PrintWriter out) {
        this.events = events;
        this.partitions = List.copyOf(partitions);
        this.samples = samples;
        this.out = out;
    }

    void run() throws Exception {
        Map<String, String> settings = Map.of(
                "shared_preload_libraries", "pg_stat_statements",
                "pg_stat_statements.track_planning", "on",
                "pg_stat_statements.max", "10000",
                "max_locks_per_transaction", "4096",
                "shared_buffers", "512MB",
                "fsync", "off",
                "full_page_writes", "off",
                "autovacuum", "off",
                "jit", "off");
        List<ScaleDatabase> databases = new ArrayList<>();
        try (BenchmarkDatabase server = new BenchmarkDatabase(settings)) {
            server.run("create extension pg_stat_statements");
            out.printf(
                    Locale.ROOT,
                    "%,d events of %d days, %,d deliveries, of 100 organisations; %d samples of each cell%n",
                    events,
                    ScaleDatabase.DAYS,
                    2 * events,
                    samples);
            try {
                ScaleDatabase.createTemplate(server, "scale", events);
                databases.add(create(server, 0));
                for (int number : partitions) {
                    databases.add(create(server, number));
                }
                measure(server, databases);
            } finally {
                databases.forEach(ScaleDatabase::close);
            }
        }
        out.println(table());
    }

    private ScaleDatabase create(BenchmarkDatabase server, int partitions) throws Exception {
        long started = System.nanoTime();
        ScaleDatabase database = ScaleDatabase.create(server, "scale", partitions);
        out.printf(
                Locale.ROOT,
                "%s: created and rolled in %.1f s%n",
                header(partitions),
                (System.nanoTime() - started) / 1e9);
        out.flush();
        return database;
    }

    private static String header(int partitions) {
        return partitions == 0 ? "unpartitioned" : String.format(Locale.ROOT, "%,d partitions", partitions);
    }

    private void measure(BenchmarkDatabase server, List<ScaleDatabase> databases) throws Exception {
        measure(server, databases, "clean roll-up read, large organisation", WARM_UP, figure(LARGE, false));
        measure(server, databases, "clean roll-up read, tiny organisation", WARM_UP, figure(TINY, false));
        measure(server, databases, "combined query of a month, large organisation", WARM_UP, figure(LARGE, true));
        measure(server, databases, "combined query of a month, tiny organisation", WARM_UP, figure(TINY, true));
        measure(server, databases, "worker run that re-rolls one late row", 1, rerolling());
        measure(server, databases, "verify, 1,000 rows", 1, verifying());
        measure(server, databases, "retention, 1,000 rows", 1, retaining());
        compareFigures(databases);
        measure(server, databases, "back-fill, 1,000 rows", 0, backfilling());
    }

    private static Work<OrganisationUsage> figure(String organisation, boolean fromRawRows) {
        return new Work<>() {
            @Override
            public OrganisationUsage run(ScaleDatabase database, int round) {
                return fromRawRows ? database.combinedFigure(organisation) : database.rolledFigure(organisation);
            }

            @Override
            public double units(ScaleDatabase database, OrganisationUsage figure) {
                if (figure.received().volume() == 0) {
                    throw new IllegalStateException(database.name() + " has no events of " + organisation);
                }
                return 1;
            }
        };
    }

    private static Work<Long> rerolling() {
        return new Work<>() {
            @Override
            public void prepare(ScaleDatabase database, int round) throws Exception {
                database.addLateRow(round);
            }

            @Override
            public Long run(ScaleDatabase database, int round) {
                return database.roll();
            }

            @Override
            public double units(ScaleDatabase database, Long hours) {
                if (hours != 1) {
                    throw new IllegalStateException(database.name() + " re-rolled " + hours + " hours instead of 1");
                }
                return 1;
            }
        };
    }

    private static Work<List<String>> verifying() {
        return new Work<>() {
            @Override
            public List<String> run(ScaleDatabase database, int round) {
                return database.verify();
            }

            @Override
            public double units(ScaleDatabase database, List<String> projects) throws Exception {
                return database.rowsOf(projects) / 1e3;
            }
        };
    }

    private static Work<Long> backfilling() {
        return new Work<>() {
            @Override
            public void prepare(ScaleDatabase database, int round) throws Exception {
                database.forgetRolled(round);
            }

            @Override
            public Long run(ScaleDatabase database, int round) {
                return database.roll();
            }

            @Override
            public double units(ScaleDatabase database, Long hours) throws Exception {
                return database.rolledRows() / 1e3;
            }
        };
    }

    private static Work<Long> retaining() {
        return new Work<>() {
            @Override
            public Long run(ScaleDatabase database, int round) {
                return database.retain(round);
            }

            @Override
            public double units(ScaleDatabase database, Long rows) {
                return rows / 1e3;
            }
        };
    }

    private static void compareFigures(List<ScaleDatabase> databases) {
        databases.forEach(ScaleDatabase::rollEverything);
        for (String organisation : List.of(LARGE, TINY)) {
            List<String> figures = databases.stream()
                    .map(database -> database.rolledFigure(organisation))
                    .map(figure -> figure.received() + " " + figure.sent())
                    .distinct()
                    .toList();
            if (figures.size() != 1) {
                throw new IllegalStateException(
                        "the databases have different figures of " + organisation + ": " + figures);
            }
        }
    }

    private <R> void measure(
            BenchmarkDatabase server, List<ScaleDatabase> databases, String name, int warmUp, Work<R> work)
            throws Exception {
        List<List<ServerCost>> costs = databases.stream()
                .map(database -> (List<ServerCost>) new ArrayList<ServerCost>())
                .toList();
        for (ScaleDatabase database : databases) {
            long started = System.nanoTime();
            for (int first = 0; first < warmUp && System.nanoTime() - started < NANOS_OF_WARM_UP; first++) {
                cost(server, database, work, first);
            }
        }
        for (int round = 0; round < samples; round++) {
            for (int turn = 0; turn < databases.size(); turn++) {
                int index = (round + turn) % databases.size();
                costs.get(index).add(cost(server, databases.get(index), work, warmUp + round));
            }
        }
        add(name, costs);
        out.printf("measured: %s%n", name);
        out.flush();
    }

    private static <R> ServerCost cost(BenchmarkDatabase server, ScaleDatabase database, Work<R> work, int round)
            throws Exception {
        work.prepare(database, round);
        List<R> result = new ArrayList<>();
        ServerCost cost = ServerCost.of(server, database.name(), () -> result.add(work.run(database, round)));
        double units = work.units(database, result.get(0));
        return cost.dividedBy(units);
    }

    private void add(String work, List<List<ServerCost>> costs) {
        rows.add(new Row(work, "planning ms", cells(costs, "%,.2f", ServerCost::planning)));
        rows.add(new Row("", "execution ms", cells(costs, "%,.2f", ServerCost::execution)));
        rows.add(new Row("", "buffers", cells(costs, "%,.0f", ServerCost::buffers)));
        rows.add(new Row("", "time, ratio", ratios(costs, ServerCost::time)));
        rows.add(new Row("", "buffers, ratio", ratios(costs, ServerCost::buffers)));
    }

    private static List<String> cells(
            List<List<ServerCost>> costs, String format, Function<ServerCost, Double> measure) {
        return costs.stream()
                .map(column -> cell(format, column.stream().map(measure).toList()))
                .toList();
    }

    /** How many times those of the tables without partitions, within each round. */
    private static List<String> ratios(List<List<ServerCost>> costs, Function<ServerCost, Double> measure) {
        List<ServerCost> plain = costs.get(0);
        return costs.stream()
                .map(column -> cell(
                        "%,.2f",
                        IntStream.range(0, column.size())
                                .mapToObj(round -> measure.apply(column.get(round)) / measure.apply(plain.get(round)))
                                .toList()))
                .toList();
    }

    /** The median, and the quartiles in brackets. */
    private static String cell(String format, List<Double> values) {
        Spread spread = Spread.of(values);
        return String.format(
                Locale.ROOT,
                format + " (" + format + " to " + format + ")",
                spread.median(),
                spread.lowerQuartile(),
                spread.upperQuartile());
    }

    private String table() {
        List<Column> columns = new ArrayList<>();
        columns.add(new Column().header("").dataAlign(HorizontalAlign.LEFT));
        columns.add(new Column().header("").dataAlign(HorizontalAlign.LEFT));
        columns.add(new Column().header(header(0)).dataAlign(HorizontalAlign.RIGHT));
        partitions.forEach(
                number -> columns.add(new Column().header(header(number)).dataAlign(HorizontalAlign.RIGHT)));
        String[][] data = rows.stream()
                .map(row -> {
                    List<String> line = new ArrayList<>(List.of(row.work(), row.measure()));
                    line.addAll(row.cells());
                    return line.toArray(String[]::new);
                })
                .toArray(String[][]::new);
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(columns.toArray(Column[]::new), data)
                .asString();
    }
}
