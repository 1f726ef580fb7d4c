package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.testing.Database;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** One job at a time runs under a name, whatever becomes of it. */
class FleetLockIT {

    private final String name = "job " + UUID.randomUUID();
    private final List<String> runs = new ArrayList<>();

    private FleetLock lock(String of) {
        return FleetLock.of(Database.pool(), of);
    }

    @Test
    void runsNothingWhileAnotherSessionRunsAJobOfThisName() {
        boolean ran = lock(name).tryRun(() -> {
            runs.add("first");
            assertThat(lock(name).tryRun(() -> runs.add("meanwhile"))).isFalse();
            assertThat(lock(name + "s").tryRun(() -> runs.add("other"))).isTrue();
        });

        assertThat(ran).isTrue();
        assertThat(runs).containsExactly("first", "other");
        assertThat(lock(name).tryRun(() -> runs.add("afterwards"))).isTrue();
    }

    @Test
    void isFreeAfterAJobThatFailed() {
        assertThatThrownBy(() -> lock(name).tryRun(() -> {
                    throw new IllegalArgumentException("of the job");
                }))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("of the job");

        assertThat(lock(name).tryRun(() -> runs.add("afterwards"))).isTrue();
    }

    @Test
    void rejectsNamesOutOfBounds() {
        assertThatThrownBy(() -> lock(""))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("name must be 1 to 200 characters, but was \"\"");
        assertThatThrownBy(() -> lock("n".repeat(201))).isInstanceOf(IllegalArgumentException.class);
        assertThat(lock("n".repeat(200)).tryRun(() -> runs.add("long"))).isTrue();
    }
}
