package io.usagekit.verification.soak;

import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.testkit.FaultyProxy;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** What goes wrong: one thing at a time, for a moment; everything in turn, each turn in another order. */
final class Faults {

    private final Random random;
    private final List<Fault> faults;
    private final Deque<Fault> turn = new ArrayDeque<>();

    Faults(
            Random random,
            EmbeddedPostgresServer postgres,
            List<FaultyProxy> postgresLinks,
            SharedStore store,
            List<Member> members,
            Checker checker) {
        this.random = random;
        this.faults = new ArrayList<>(List.of(
                new Fault("PostgreSQL killed", () -> {
                    postgres.kill();
                    return postgres::restart;
                }),
                new Fault("PostgreSQL paused", () -> {
                    postgres.pause();
                    return postgres::resume;
                }),
                new Fault("timers blocked", () -> {
                    members.forEach(member -> member.send(SoakMember.BLOCK));
                    return () -> members.forEach(member -> member.send(SoakMember.UNBLOCK));
                }),
                onSome("links to PostgreSQL cut", random, postgresLinks, FaultyProxy::cut),
                onSome("links to PostgreSQL frozen", random, postgresLinks, FaultyProxy::freeze),
                onSome("links to PostgreSQL slow", random, postgresLinks, link -> link.slow(Duration.ofMillis(100))),
                new Fault("a process paused", () -> {
                    int number = random.nextInt(members.size());
                    Runnable over = checker.pause(number);
                    members.get(number).signal("-STOP");
                    return () -> {
                        members.get(number).signal("-CONT");
                        over.run();
                    };
                })));
        faults.addAll(store.faults(random, checker));
    }

    /** Returns a fault of some of these links, which are open by the time it begins. */
    static Fault onSome(String name, Random random, List<FaultyProxy> links, Consumer<FaultyProxy> fault) {
        return new Fault(name, () -> {
            List<FaultyProxy> chosen =
                    links.stream().filter(link -> random.nextInt(3) > 0).toList();
            chosen.forEach(fault);
            return () -> chosen.forEach(FaultyProxy::pass);
        });
    }

    /** Begins one, and says which. */
    Current next() {
        if (turn.isEmpty()) {
            List<Fault> shuffled = new ArrayList<>(faults);
            Collections.shuffle(shuffled, random);
            turn.addAll(shuffled);
        }
        Fault fault = turn.remove();
        return new Current(fault.name(), fault.begin().run());
    }

    /** What goes wrong now. */
    record Current(String name, Runnable mend) {}
}
