package io.usagekit.cli.demo;

import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.cli.support.Failures;
import io.usagekit.cli.support.RedisClients;
import io.usagekit.cli.support.Resources;
import io.usagekit.cli.support.Terminal;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.io.DataInputStream;
import java.io.FileDescriptor;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One process of the demo's fleet, with a pool, a Redis client and a service of its own. Reads its {@link DemoOrders} from
 * standard input, says that it is ready, asks at the next octet, says what became of it, and ends when standard input does:
 * with the process that started it, however that ends. Speaks in marked lines on standard output, to that process alone.
 */
public final class DemoMember {

    /** A line that says no more. */
    static final String READY = "usage-demo ready";

    /** Followed by {@link DemoAnswers}. */
    static final String ANSWERED = "usage-demo answered ";

    /** Followed by why. */
    static final String FAILED = "usage-demo failed ";

    private static final int POOL = 2;

    private DemoMember() {}

    /** Started by {@link DemoFleet}. No arguments. */
    public static void main(String... args) {
        PrintWriter parent = Terminal.utf8(FileDescriptor.out);
        try {
            run(DemoOrders.read(new DataInputStream(System.in)), parent);
        } catch (Throwable e) {
            parent.println(FAILED + Failures.describe(e));
            System.exit(1);
        }
    }

    private static void run(DemoOrders orders, PrintWriter parent) throws InterruptedException {
        CountDownLatch go = new CountDownLatch(1);
        new Thread(() -> obey(go), "usage-parent").start();
        Resources resources = Resources.untilShutdown(Terminal.utf8(FileDescriptor.err));
        Counts counts = new Counts(orders.key());
        UsageService usage = service(orders, counts, resources);
        // As if it had been up for a while: everything has been used once, for an organisation that there isn't.
        usage.get("nobody-" + ProcessHandle.current().pid(), orders.key().period());
        try (Burst burst = Burst.ready(
                DemoOrders.CALLERS,
                () -> usage.get(orders.key().organisationId(), orders.key().period()))) {
            parent.println(READY);
            go.await();
            parent.println(ANSWERED + counts.answers(burst.go()).toLine());
        }
    }

    /** Passes the signal on, and ends this process with its standard input. */
    private static void obey(CountDownLatch go) {
        try {
            while (System.in.read() >= 0) {
                go.countDown();
            }
        } catch (IOException e) {
            // that is an end, too
        }
        System.exit(0);
    }

    private static UsageService service(DemoOrders orders, Counts counts, Resources resources) {
        HikariDataSource pool = DemoBackends.pool(orders.connections(), POOL);
        resources.add(pool, pool);
        RedisClient redis = RedisClients.connected(orders.redisUrl());
        resources.add(redis, redis::shutdown);
        UsageCalculator calculator = PostgresUsage.calculator(pool, TableMapping.usagekit(orders.schema()));
        UsageServiceBuilder builder =
                UsageService.builder(calculator).listener(counts).drainTimeout(Duration.ZERO);
        UsageService usage = RedisClients.share(
                        builder, RedisClients.builder(redis).keyPrefix(orders.keyPrefix()))
                .build();
        return resources.add(usage, usage);
    }

    /** Of one figure. */
    private static final class Counts implements UsageListener {
        private final UsageKey key;
        private final AtomicLong computed = new AtomicLong();
        private final AtomicLong followed = new AtomicLong();
        private final AtomicLong found = new AtomicLong();
        private final AtomicLong queries = new AtomicLong();

        Counts(UsageKey key) {
            this.key = key;
        }

        @Override
        public void hit(UsageKey asked, UsageListener.Tier tier, Duration age) {
            loadCompleted(asked, Origin.CACHED);
        }

        @Override
        public void computed(UsageKey asked, Duration took) {
            if (asked.equals(key)) {
                queries.incrementAndGet();
            }
        }

        @Override
        public void loadCompleted(UsageKey asked, Origin origin) {
            if (asked.equals(key)) {
                switch (origin) {
                    case COMPUTED -> computed.incrementAndGet();
                    case REMOTE -> followed.incrementAndGet();
                    case CACHED -> found.incrementAndGet();
                    case NOT_WAITED -> {} // no answer
                }
            }
        }

        DemoAnswers answers(Duration slowest) {
            return new DemoAnswers(computed.get(), followed.get(), found.get(), queries.get(), slowest);
        }
    }
}
