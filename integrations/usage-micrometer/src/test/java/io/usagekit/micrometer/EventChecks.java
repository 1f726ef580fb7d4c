package io.usagekit.micrometer;

import io.micrometer.core.instrument.Measurement;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.rollups.RetentionDependant;
import io.usagekit.postgres.rollups.RollupDrift;
import io.usagekit.postgres.rollups.RollupRunResult;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** Calls each event of a listener, and says which of them have no meter and which meters come with an event. */
final class EventChecks {

    private EventChecks() {}

    /** The events of an interface: its methods that do something by themselves in no implementation. */
    static List<Method> events(Class<?> listener) {
        return Stream.of(listener.getMethods())
                .filter(method -> !Modifier.isStatic(method.getModifiers()))
                .toList();
    }

    /** The events that change no meter. */
    static <L> List<String> withoutMeter(MeterRegistry registry, Class<L> type, L listener) throws Exception {
        List<String> without = new ArrayList<>();
        for (Method event : events(type)) {
            Map<String, List<Double>> before = values(registry);
            call(event, listener, 1, 0);
            if (values(registry).equals(before)) {
                without.add(event.getName());
            }
        }
        return without;
    }

    /** The meters that weren't registered until events came: as many as there are values of an unbounded tag. */
    static <L> Set<String> registeredByEvents(MeterRegistry registry, Class<L> type, L listener) throws Exception {
        Set<String> before = new HashSet<>(values(registry).keySet());
        for (Method event : events(type)) {
            for (int call = 0; call < 20; call++) {
                call(event, listener, call, call);
            }
        }
        Set<String> registered = new HashSet<>(values(registry).keySet());
        registered.removeAll(before);
        return registered;
    }

    private static Map<String, List<Double>> values(MeterRegistry registry) {
        Map<String, List<Double>> values = new TreeMap<>();
        for (Meter meter : registry.getMeters()) {
            values.put(
                    meter.getId().getName() + meter.getId().getTags(),
                    StreamSupport.stream(meter.measure().spliterator(), false)
                            .map(Measurement::getValue)
                            .toList());
        }
        return values;
    }

    private static void call(Method event, Object listener, int text, int choice) throws Exception {
        Object[] arguments = Stream.of(event.getParameterTypes())
                .map(type -> argument(event, type, text, choice))
                .toArray();
        try {
            event.invoke(listener, arguments);
        } catch (InvocationTargetException e) {
            throw new AssertionError(event.getName() + " threw", e.getCause());
        }
    }

    private static Object argument(Method event, Class<?> type, int text, int choice) {
        if (type.isEnum()) {
            Object[] constants = type.getEnumConstants();
            // Of the freshnesses, events have the stale ones only.
            int first = event.getName().equals("staleServed") ? 1 : 0;
            return constants[first + choice % (event.getName().equals("staleServed") ? 2 : constants.length)];
        }
        Map<Class<?>, Object> arguments = new LinkedHashMap<>();
        arguments.put(UsageKey.class, new UsageKey("org-" + text, UsagePeriod.month(YearMonth.of(2000 + text, 3))));
        arguments.put(Duration.class, Duration.ofMillis(text + 1));
        arguments.put(long.class, (long) text + 1);
        arguments.put(String.class, "text " + text);
        arguments.put(
                Throwable.class,
                choice % 2 == 0
                        ? new IllegalStateException("error " + text)
                        : new UsageCalculationException("error " + text, null));
        arguments.put(UsageCalculationException.class, new UsageCalculationException("error " + text, null));
        arguments.put(List.class, List.of(dependant(text)));
        arguments.put(RollupDrift.class, drift(text));
        arguments.put(RollupWorker.LastRun.class, run(text, choice));
        arguments.put(boolean.class, choice % 2 == 0);
        arguments.put(FeedCycle.class, new FeedCycle(text, 1, 1, choice % 2 == 0, choice % 2 == 1));
        arguments.put(FeedWorker.LastRun.class, feedRun(text, choice));
        Object argument = arguments.get(type);
        if (argument == null) {
            throw new AssertionError("an argument of " + event + " has a new type");
        }
        return argument;
    }

    private static FeedWorker.LastRun feedRun(int text, int choice) {
        Optional<FeedRun> result = choice % 4 == 0
                ? Optional.empty()
                : Optional.of(new FeedRun(choice % 4 == 1 ? 0 : 1, text, 1, 1, true, choice % 4 == 2));
        return new FeedWorker.LastRun(
                Instant.EPOCH,
                Duration.ofMillis(1),
                result,
                result.isPresent() ? Optional.empty() : Optional.of(new IllegalStateException("error " + text)));
    }

    private static RetentionDependant dependant(int text) {
        return new RetentionDependant(
                "app.lines_" + text, "fk_" + text, "app.events", RetentionDependant.Effect.BLOCKING, false);
    }

    private static RollupDrift drift(int text) {
        UsageMetrics metrics = new UsageMetrics(text, text);
        return new RollupDrift("p-" + text, Instant.EPOCH, metrics, metrics, metrics, metrics);
    }

    private static RollupWorker.LastRun run(int text, int choice) {
        Optional<RollupRunResult> result = choice % 4 == 0
                ? Optional.empty()
                : Optional.of(new RollupRunResult(
                        choice % 4 != 1, Optional.empty(), List.of("pid " + text), 1, 1, 1, choice % 4 == 2));
        return new RollupWorker.LastRun(
                Instant.EPOCH,
                Duration.ofMillis(1),
                result,
                result.isPresent() ? Optional.empty() : Optional.of(new IllegalStateException("error " + text)));
    }
}
