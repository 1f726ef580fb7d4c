package io.usagekit.cli.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ResourcesTest {

    private final List<String> closed = new ArrayList<>();
    private final StringWriter err = new StringWriter();
    private final Resources resources = Resources.untilShutdown(new PrintWriter(err));

    @Test
    void closesInReverseOrderOnceAndGoesOnAfterAFailure() {
        resources.add("server", () -> closed.add("server"));
        resources.add("pool", () -> {
            throw new IOException("no");
        });
        resources.add("service", () -> closed.add("service"));

        resources.close();
        resources.close();

        assertThat(closed).containsExactly("service", "server");
        assertThat(err.toString()).isEqualTo("usage: can't be closed: no\n");
        assertThat(resources.isStopping()).isTrue();
    }

    @Test
    void whatComesTooLateIsClosedAtOnce() {
        resources.close();

        assertThatIllegalStateException().isThrownBy(() -> resources.add("late", () -> closed.add("late")));
        assertThat(closed).containsExactly("late");
    }
}
