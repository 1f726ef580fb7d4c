package io.usagekit.benchmarks;

import java.io.PrintWriter;
import java.util.List;
import java.util.function.IntConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The benchmarks' command line. */
@Command(
        name = "benchmarks",
        description = "Measures peers side by side in one run, on servers of its own.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        scope = CommandLine.ScopeType.INHERIT)
public final class BenchmarksCommand implements Runnable {

    private static final int WARM_UP = 10;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--rounds",
            defaultValue = "40",
            paramLabel = "N",
            scope = CommandLine.ScopeType.INHERIT,
            description = "rounds that count, after 10 that don't; 1 to 10,000; ${DEFAULT-VALUE} by default")
    private int rounds;

    /** Runs what the arguments name, and exits with its code. */
    public static void main(String... args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new BenchmarksCommand());
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "a COMMAND is missing");
    }

    @Command(
            name = "near",
            description = "A hit in the near cache, beside Caffeine alone, Redisson's local cached map and JetCache.")
    int near(
            @Option(
                            names = "--times",
                            defaultValue = "100000",
                            paramLabel = "N",
                            description = "hits in a slice; ${DEFAULT-VALUE} by default")
                    int times)
            throws Exception {
        NearBenchmark benchmark = new NearBenchmark(times);
        print(progress -> benchmark.run(WARM_UP, checkedRounds(), progress));
        spec.commandLine().getOut().println(benchmark.octets());
        return finished();
    }

    @Command(
            name = "hit",
            description = "A hit in Redis, beside a bare GET whose value Jackson reads, Spring's cache and JetCache.")
    int hit(
            @Option(
                            names = "--times",
                            defaultValue = "500",
                            paramLabel = "N",
                            description = "hits in a slice; ${DEFAULT-VALUE} by default")
                    int times)
            throws Exception {
        HitBenchmark benchmark = new HitBenchmark(times);
        print(progress -> benchmark.run(WARM_UP, checkedRounds(), progress));
        spec.commandLine().getOut().println(benchmark.costs());
        return finished();
    }

    @Command(name = "outage", description = "A call while Redis is down, beside a hit in Redis and a computation.")
    int outage(
            @Option(
                            names = "--times",
                            defaultValue = "50",
                            paramLabel = "N",
                            description = "calls in a slice; ${DEFAULT-VALUE} by default")
                    int times)
            throws Exception {
        return print(progress -> new OutageBenchmark(times).run(WARM_UP, checkedRounds(), progress));
    }

    @Command(
            name = "recovery",
            description = "How long it takes after each fault of Redis until figures are stored in it again.")
    int recovery(
            @Option(
                            names = "--repetitions",
                            defaultValue = "7",
                            paramLabel = "N",
                            description = "measurements of each fault; 1 to 1,000; ${DEFAULT-VALUE} by default")
                    int repetitions)
            throws Exception {
        new RecoveryBenchmark(
                        checkedRepetitions(repetitions), spec.commandLine().getOut())
                .run();
        return finished();
    }

    @Command(
            name = "waiters",
            description =
                    "How long callers of three new processes wait beyond a computation, beside threads woken by a latch.")
    int waiters(
            @Option(
                            names = "--repetitions",
                            defaultValue = "7",
                            paramLabel = "N",
                            description = "how often processes are started; 1 to 1,000; ${DEFAULT-VALUE} by default")
                    int repetitions)
            throws Exception {
        new WaitersBenchmark(checkedRepetitions(repetitions), spec.commandLine().getOut()).run();
        return finished();
    }

    private int checkedRepetitions(int repetitions) {
        if (repetitions < 1 || repetitions > 1_000) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--repetitions must be between 1 and 1000, but was " + repetitions);
        }
        return repetitions;
    }

    @Command(name = "bulk", description = "The figures of 100 organisations by one call, beside 100 calls.")
    int bulk(
            @Option(
                            names = "--times",
                            defaultValue = "3",
                            paramLabel = "N",
                            description = "calls in a slice; ${DEFAULT-VALUE} by default")
                    int times,
            @Option(
                            names = "--events",
                            defaultValue = "60000",
                            paramLabel = "N",
                            description = "events; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events)
            throws Exception {
        return print(
                progress -> new BulkBenchmark(times, checkedEvents(events)).run(WARM_UP, checkedRounds(), progress));
    }

    @Command(
            name = "proof",
            description = "A figure from roll-ups beside the same without the proof that the tables are intact.")
    int proof(
            @Option(
                            names = "--times",
                            defaultValue = "20",
                            paramLabel = "N",
                            description = "calls in a slice; ${DEFAULT-VALUE} by default")
                    int times,
            @Option(
                            names = "--leaves",
                            defaultValue = "3000",
                            paramLabel = "N",
                            description =
                                    "partitions of both tables together; 2 to 20,000; ${DEFAULT-VALUE} by default")
                    int leaves)
            throws Exception {
        if (leaves < 2 || leaves > 20_000) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--leaves must be between 2 and 20000, but was " + leaves);
        }
        return print(progress -> new ProofBenchmark(times, leaves).run(WARM_UP, checkedRounds(), progress));
    }

    @Command(
            name = "rollups",
            description =
                    "Figures by the original design's query, the combined query and from roll-ups; all organisations; retention.")
    int rollups(
            @Option(
                            names = "--events",
                            defaultValue = "60000",
                            paramLabel = "N",
                            description = "events; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events)
            throws Exception {
        new RollupBenchmark(checkedEvents(events), spec.commandLine().getOut()).run();
        return finished();
    }

    @Command(
            name = "scale",
            description =
                    "What the server plans, executes and reads for tables of many partitions, beside the same tables without.")
    int scale(
            @Option(
                            names = "--events",
                            defaultValue = "60000",
                            paramLabel = "N",
                            description = "events; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events,
            @Option(
                            names = "--partitions",
                            defaultValue = "400,1000,3000",
                            split = ",",
                            paramLabel = "N",
                            description =
                                    "daily partitions of each table, a column of the table each; 40 to 10,000; ${DEFAULT-VALUE} by default")
                    List<Integer> partitions,
            @Option(
                            names = "--samples",
                            defaultValue = "5",
                            paramLabel = "N",
                            description = "measurements of each cell; 1 to 20; ${DEFAULT-VALUE} by default")
                    int samples)
            throws Exception {
        if (samples < 1 || samples > ScaleBenchmark.MAX_SAMPLES) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(),
                    "--samples must be between 1 and " + ScaleBenchmark.MAX_SAMPLES + ", but was " + samples);
        }
        for (int number : partitions) {
            if (number < ScaleDatabase.MIN_PARTITIONS || number > 10_000) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(),
                        "--partitions must be between " + ScaleDatabase.MIN_PARTITIONS + " and 10000, but was "
                                + number);
            }
        }
        new ScaleBenchmark(
                        checkedEvents(events),
                        partitions,
                        samples,
                        spec.commandLine().getOut())
                .run();
        return finished();
    }

    @Command(
            name = "writes",
            description =
                    "Processor time of writes with the triggers of roll-ups, without, and with counters kept by triggers.")
    int writes(
            @Option(
                            names = "--events",
                            defaultValue = "60000",
                            paramLabel = "N",
                            description = "events; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events)
            throws Exception {
        new WriteBenchmark(checkedEvents(events), spec.commandLine().getOut()).run();
        return finished();
    }

    @Command(name = "partitions", description = "Partitioning the tables and back while a writer and a reader work.")
    int partitions(
            @Option(
                            names = "--events",
                            defaultValue = "100000",
                            paramLabel = "N",
                            description = "events; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events)
            throws Exception {
        new PartitionBenchmark(checkedEvents(events), spec.commandLine().getOut()).run();
        return finished();
    }

    @Command(name = "ledger", description = "Pages by each filter, the first and a deep one, and an export.")
    int ledger(
            @Option(
                            names = "--events",
                            defaultValue = "20000",
                            paramLabel = "N",
                            description = "events; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events)
            throws Exception {
        new LedgerBenchmark(checkedEvents(events), spec.commandLine().getOut()).run();
        return finished();
    }

    @Command(
            name = "recording",
            description = "What it costs the server and the client to record an event, beside INSERT and COPY.")
    int recording(
            @Option(
                            names = "--partitions",
                            defaultValue = "395",
                            paramLabel = "N",
                            description = "partitions of a day each; 0 to 395; ${DEFAULT-VALUE} by default")
                    int partitions)
            throws Exception {
        if (partitions < 0 || partitions > RecordingBenchmark.MAX_PARTITIONS) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(),
                    "--partitions must be between 0 and " + RecordingBenchmark.MAX_PARTITIONS + ", but was "
                            + partitions);
        }
        new RecordingBenchmark(checkedRounds(), partitions, spec.commandLine().getOut()).run();
        return finished();
    }

    @Command(
            name = "clickhouse",
            description =
                    "Figures and reports of a month from two ClickHouse shards, beside roll-ups, with ten times the events"
                            + " as well; what that asks of PostgreSQL; the feed.")
    int clickhouse(
            @Option(
                            names = "--events",
                            defaultValue = "2000000",
                            paramLabel = "N",
                            description =
                                    "events of the smaller database; 100 to 100,000,000; ${DEFAULT-VALUE} by default")
                    int events)
            throws Exception {
        new ClickHouseBenchmark(
                        checkedEvents(events),
                        checkedRounds(),
                        spec.commandLine().getOut())
                .run();
        return finished();
    }

    private int checkedEvents(int events) {
        if (events < 100 || events > 100_000_000) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--events must be between 100 and 100000000, but was " + events);
        }
        return events;
    }

    private int finished() {
        spec.commandLine().getOut().flush();
        return 0;
    }

    private int checkedRounds() {
        if (rounds < 1 || rounds > 10_000) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--rounds must be between 1 and 10000, but was " + rounds);
        }
        return rounds;
    }

    private interface Benchmark {
        List<Comparison.Result> run(IntConsumer progress) throws Exception;
    }

    private int print(Benchmark benchmark) throws Exception {
        List<Comparison.Result> results;
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("Rounds")
                .setInitialMax(WARM_UP + (long) checkedRounds())
                .setStyle(ProgressBarStyle.ASCII)
                .build()) {
            results = benchmark.run(bar::stepTo);
        }
        PrintWriter out = spec.commandLine().getOut();
        out.println(Comparison.table(results));
        out.flush();
        return 0;
    }
}
