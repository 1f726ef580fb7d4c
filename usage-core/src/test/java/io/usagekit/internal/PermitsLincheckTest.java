package io.usagekit.internal;

import static io.usagekit.internal.LincheckRuns.check;
import static io.usagekit.internal.LincheckRuns.together;

import io.usagekit.internal.Permits.Urgency;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** One permit, and those who ask for it under the schedules that a model checker chooses. */
class PermitsLincheckTest {

    private static final int SCHEDULES = 120;

    private static final class World {
        final Permits permits = new Permits(1, 1, 1);
        final AtomicInteger running = new AtomicInteger();
        final AtomicInteger ran = new AtomicInteger();
        final AtomicInteger refused = new AtomicInteger();

        /** Asks, runs if it may, and gives its permit back as soon as it has both run and been handed its ticket. */
        void use(String organisation, Urgency urgency) {
            CompletableFuture<Permits.Ticket> ticket = new CompletableFuture<>();
            var given = permits.request(organisation, urgency, new Permits.Holder() {
                @Override
                public void granted() {
                    check(running.incrementAndGet() == 1, "more run than may");
                    ran.incrementAndGet();
                    running.decrementAndGet();
                    var unused = ticket.thenAccept(Permits.Ticket::close);
                }

                @Override
                public void refused() {
                    refused.incrementAndGet();
                }
            });
            given.ifPresentOrElse(ticket::complete, refused::incrementAndGet);
        }

        void checkNothingIsLeft() {
            check(permits.waiting() == 0, "somebody still waits");
            check(permits.isIdle(), "something leaked");
        }
    }

    @Test
    void whoWaitsGetsItsTurn() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            Runnable user = () -> world.use("org-123", Urgency.WAITS);
            together(user, user);
            check(world.ran.get() == 2, "ran: " + world.ran.get());
            world.checkNothingIsLeft();
        });
    }

    @Test
    void whoDoesntWaitRunsOrIsRefused() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(() -> world.use("org-123", Urgency.WAITS), () -> world.use("org-124", Urgency.NOW_OR_NOT));
            check(world.ran.get() + world.refused.get() == 2, "ran: " + world.ran + ", refused: " + world.refused);
            world.checkNothingIsLeft();
        });
    }

    @Test
    void whoeverWaitsOnClosingIsToldThatItIsRefused() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            together(() -> world.use("org-123", Urgency.WAITS), world.permits::close);
            check(world.ran.get() + world.refused.get() == 1, "ran: " + world.ran + ", refused: " + world.refused);
            world.checkNothingIsLeft();
        });
    }

    @Test
    void whoGivesUpWhileItIsGrantedLosesNoPermit() {
        Lincheck.runConcurrentTest(SCHEDULES, () -> {
            World world = new World();
            Permits.Holder nobody = new Permits.Holder() {
                @Override
                public void granted() {}

                @Override
                public void refused() {}
            };
            Permits.Ticket first =
                    world.permits.request("org-123", Urgency.WAITS, nobody).orElseThrow();
            Permits.Ticket second =
                    world.permits.request("org-124", Urgency.WAITS, nobody).orElseThrow();
            together(first::close, second::close);
            world.checkNothingIsLeft();
        });
    }
}
