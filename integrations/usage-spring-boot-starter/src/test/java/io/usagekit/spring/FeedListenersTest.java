package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.clickhouse.HistoryListener;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedListener;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Several listeners of a feed, of reads of cells and of history are notified of each event, whatever one of them throws. */
class FeedListenersTest {

    private final List<String> events = new ArrayList<>();

    @Test
    void eachIsNotifiedOfEachEvent() throws Exception {
        check(FeedListener.class, FeedListeners::ofRuns);
        check(CellReadListener.class, FeedListeners::ofReads);
        check(HistoryListener.class, FeedListeners.OfHistory::new);
    }

    private <L> void check(Class<L> type, Function<List<L>, L> both) throws Exception {
        L notified = both.apply(List.of(recorder(type, "first"), recorder(type, "second")));
        for (Method event : type.getMethods()) {
            events.clear();
            event.invoke(
                    notified,
                    Stream.of(event.getParameterTypes())
                            .map(FeedListenersTest::none)
                            .toArray());
            assertThat(events).containsExactly("first " + event.getName(), "second " + event.getName());
        }
    }

    private <L> L recorder(Class<L> type, String name) {
        return type.cast(
                Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, event, arguments) -> {
                    events.add(name + " " + event.getName());
                    throw new IllegalStateException("of the host");
                }));
    }

    /** Recorders don't look at arguments. */
    private static @Nullable Object none(Class<?> type) {
        if (type == long.class) {
            return 0L;
        }
        return type == boolean.class ? false : null;
    }
}
