package io.usagekit.testkit.mutants;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.text.Normalizer;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of calculators reports wrong ones. */
class UsageCalculatorMutantsTest {

    /** Makes a calculator of the right one. */
    interface Adapter extends UnaryOperator<UsageCalculator> {}

    private static final Adapter RIGHT = UsageCalculatorMutantsTest::unchanged;

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends UsageCalculatorContract {

        private final InMemoryUsageCalculator source = InMemoryUsageCalculator.create();
        private final Adapter adapter;
        private final UsageCalculator calculator;

        Suite(Adapter adapter) {
            this.adapter = adapter;
            this.calculator = adapter.apply(source);
        }

        @Override
        protected UsageCalculator calculator() {
            return calculator;
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.allOf(Capability.class);
        }

        @Override
        protected void received(String organisationId, Instant at, int bytes) {
            source.received(organisationId, at, bytes);
        }

        @Override
        protected void sent(String organisationId, Instant at, int bytes) {
            source.sent(organisationId, at, bytes);
        }

        @Override
        protected void receivedAndSent(String organisationId, Instant at, int bytes) {
            source.receivedAndSent(organisationId, at, bytes);
        }

        @Override
        protected Runnable stallSource() {
            source.stall();
            return source::comeBack;
        }

        @Override
        protected Runnable breakSource() {
            source.goDown();
            return source::comeBack;
        }

        @Override
        protected Duration patience() {
            return adapter == RIGHT ? super.patience() : Duration.ofSeconds(2);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongCalculator() {
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        mutants.addAll(wrongTimes());
        mutants.addAll(wrongSums());
        mutants.addAll(wrongKeys());
        mutants.addAll(wrongWindows());
        mutants.addAll(wrongReads());
        mutants.addAll(wrongFailures());
        mutants.addAll(BulkMutants.ofCalculators());
        return Mutants.tests(Suite.class, RIGHT, mutants);
    }

    private static UsageCalculator unchanged(UsageCalculator right) {
        return right;
    }

    private static Mutant<Adapter> mutant(String fault, String check, Adapter adapter) {
        return new Mutant<>(fault, check, adapter);
    }

    /** A calculator that changes the right figure. */
    private static Mutant<Adapter> figure(String fault, String check, UnaryOperator<OrganisationUsage> change) {
        return mutant(fault, check, right -> (key, timeout) -> change.apply(right.calculate(key, timeout)));
    }

    /** A calculator that computes the figure of another key, and labels it as the requested one. */
    private static Mutant<Adapter> key(String fault, String check, Function<UsageKey, UsageKey> change) {
        return mutant(fault, check, right -> (key, timeout) -> {
            OrganisationUsage usage = right.calculate(change.apply(key), timeout);
            return new OrganisationUsage(key, usage.received(), usage.sent(), usage.createdAt());
        });
    }

    private static OrganisationUsage stamped(OrganisationUsage usage, Instant createdAt) {
        return new OrganisationUsage(usage.key(), usage.received(), usage.sent(), createdAt);
    }

    private static OrganisationUsage metrics(OrganisationUsage usage, UnaryOperator<UsageMetrics> change) {
        return new OrganisationUsage(
                usage.key(), change.apply(usage.received()), change.apply(usage.sent()), usage.createdAt());
    }

    private static List<Mutant<Adapter>> wrongTimes() {
        String check = "stampsFigureWithTimeOfComputation";
        return List.of(
                figure("createdAt is the epoch", check, usage -> stamped(usage, Instant.EPOCH)),
                figure(
                        "createdAt is the end of the period",
                        check,
                        usage -> stamped(usage, usage.period().end())),
                figure(
                        "createdAt is the start of the day",
                        check,
                        usage -> stamped(usage, usage.createdAt().truncatedTo(ChronoUnit.DAYS))),
                figure(
                        "createdAt is when the figure would expire",
                        check,
                        usage -> stamped(usage, usage.createdAt().plusSeconds(600))),
                mutant("createdAt is the time of the first computation", check, right -> {
                    AtomicReference<OrganisationUsage> first = new AtomicReference<>();
                    return (key, timeout) -> {
                        OrganisationUsage usage = right.calculate(key, timeout);
                        first.compareAndSet(null, usage);
                        return stamped(
                                usage, Objects.requireNonNull(first.get()).createdAt());
                    };
                }));
    }

    private static Mutant<Adapter> sums(String fault, String check, UnaryOperator<UsageMetrics> change) {
        return figure(fault, check, usage -> metrics(usage, change));
    }

    private static List<Mutant<Adapter>> wrongSums() {
        return List.of(
                sums(
                        "bytes cut to 15 bits",
                        "addsUpBytesBeyond16Bits",
                        sum -> new UsageMetrics(sum.volume(), sum.bytes() & 0x7fff)),
                sums(
                        "bytes cut to 16 bits",
                        "addsUpBytesBeyond16Bits",
                        sum -> new UsageMetrics(sum.volume(), sum.bytes() & 0xffff)),
                sums(
                        "bytes limited to 32767",
                        "addsUpBytesBeyond16Bits",
                        sum -> new UsageMetrics(sum.volume(), Math.min(sum.bytes(), 32_767))),
                sums(
                        "bytes limited to int",
                        "addsUpBytesBeyond32Bits",
                        sum -> new UsageMetrics(sum.volume(), Math.min(sum.bytes(), Integer.MAX_VALUE))),
                sums(
                        "bytes cut to 32 bits",
                        "addsUpBytesBeyond32Bits",
                        sum -> new UsageMetrics(sum.volume(), sum.bytes() & 0xffff_ffffL)),
                sums(
                        "bytes as float",
                        "addsUpBytesBeyond32Bits",
                        sum -> new UsageMetrics(sum.volume(), (long) (float) sum.bytes())),
                sums(
                        "volume cut to 15 bits",
                        "countsEventsBeyond15Bits",
                        sum -> new UsageMetrics(sum.volume() & 0x7fff, sum.bytes())),
                sums(
                        "events without payload not counted",
                        "countsEmptyPayloadAsEventOfZeroBytes",
                        sum -> sum.bytes() == 0 ? UsageMetrics.ZERO : sum),
                figure(
                        "received and sent exchanged",
                        "countsHalfOpenWindowToTheMicrosecond",
                        usage -> new OrganisationUsage(usage.key(), usage.sent(), usage.received(), usage.createdAt())),
                figure(
                        "no bytes sent",
                        "countsHalfOpenWindowToTheMicrosecond",
                        usage -> new OrganisationUsage(
                                usage.key(),
                                usage.received(),
                                new UsageMetrics(usage.sent().volume(), 0),
                                usage.createdAt())));
    }

    private static List<Mutant<Adapter>> wrongKeys() {
        return List.of(
                figure(
                        "the figure of another organisation's key",
                        "returnsFigureOfRequestedKey",
                        usage -> new OrganisationUsage(
                                "org-124", usage.period(), usage.received(), usage.sent(), usage.createdAt())),
                figure(
                        "the period without its label",
                        "returnsFigureOfRequestedKey",
                        usage -> new OrganisationUsage(
                                usage.organisationId(),
                                UsagePeriod.between(
                                        usage.period().start(), usage.period().end()),
                                usage.received(),
                                usage.sent(),
                                usage.createdAt())),
                key(
                        "organisation ids in upper case",
                        "separatesOrganisations",
                        key -> id(key, key.organisationId().toUpperCase(Locale.ROOT))),
                key(
                        "organisation ids stripped",
                        "separatesOrganisations",
                        key -> id(
                                key,
                                key.organisationId().strip().isEmpty()
                                        ? "x"
                                        : key.organisationId().strip())),
                key(
                        "organisation ids normalised",
                        "separatesOrganisations",
                        key -> id(key, Normalizer.normalize(key.organisationId(), Normalizer.Form.NFC))),
                key(
                        "organisation ids cut at a colon",
                        "separatesOrganisations",
                        key -> id(key, key.organisationId().split(":", -1)[0])),
                mutant(
                        "no figure for an unknown organisation",
                        "returnsZerosForUnknownOrganisation",
                        right -> (key, timeout) -> {
                            OrganisationUsage usage = right.calculate(key, timeout);
                            if (usage.received().volume() + usage.sent().volume() == 0) {
                                throw new UsageCalculationException("there is no organisation " + key, null);
                            }
                            return usage;
                        }));
    }

    private static UsageKey id(UsageKey key, String organisationId) {
        return new UsageKey(organisationId, key.period());
    }

    private static Mutant<Adapter> window(
            String fault, String check, UnaryOperator<Instant> start, UnaryOperator<Instant> end) {
        return key(
                fault,
                check,
                key -> new UsageKey(
                        key.organisationId(),
                        UsagePeriod.between(
                                start.apply(key.period().start()),
                                end.apply(key.period().end()))));
    }

    private static List<Mutant<Adapter>> wrongWindows() {
        UnaryOperator<Instant> same = UnaryOperator.identity();
        UnaryOperator<Instant> later = at -> at.plusNanos(1_000);
        UnaryOperator<Instant> earlier = at -> at.minusNanos(1_000);
        String check = "countsHalfOpenWindowToTheMicrosecond";
        return List.of(
                window("the window with its end", check, same, later),
                window("the window without its start", check, later, same),
                window("the window from a microsecond earlier", check, earlier, same),
                window("the window to a microsecond earlier", check, same, earlier),
                window(
                        "the window to the next second",
                        "keepsEndJustBelowMonth",
                        same,
                        at -> at.plusNanos(999_999_999).truncatedTo(ChronoUnit.SECONDS)),
                window(
                        "days of UTC",
                        "countsEachEventInOneOfTwoConsecutivePeriods",
                        at -> at.truncatedTo(ChronoUnit.DAYS),
                        at -> at.truncatedTo(ChronoUnit.DAYS)));
    }

    private static List<Mutant<Adapter>> wrongReads() {
        return List.of(
                mutant("received and sent in two snapshots", "computesFigureInOneSnapshot", right -> (key, timeout) -> {
                    OrganisationUsage first = right.calculate(key, timeout);
                    OrganisationUsage second = right.calculate(key, timeout);
                    return new OrganisationUsage(key, first.received(), second.sent(), first.createdAt());
                }),
                mutant("volume and bytes in two snapshots", "computesFigureInOneSnapshot", right -> (key, timeout) -> {
                    OrganisationUsage first = right.calculate(key, timeout);
                    OrganisationUsage second = right.calculate(key, timeout);
                    return new OrganisationUsage(
                            key,
                            mixed(first.received(), second.received()),
                            mixed(first.sent(), second.sent()),
                            first.createdAt());
                }),
                mutant("figures kept from earlier computations", "computesFigureAtEachCall", right -> {
                    Map<UsageKey, OrganisationUsage> figures = new ConcurrentHashMap<>();
                    return (key, timeout) -> figures.computeIfAbsent(key, k -> right.calculate(k, timeout));
                }),
                mutant("a field holds the key of the computation", "computesConcurrently", right -> {
                    AtomicReference<UsageKey> current = new AtomicReference<>();
                    return (key, timeout) -> {
                        current.set(key);
                        LockSupport.parkNanos(1);
                        return right.calculate(Objects.requireNonNull(current.get()), timeout);
                    };
                }),
                mutant("a field holds the figure computed", "computesConcurrently", right -> {
                    AtomicReference<OrganisationUsage> last = new AtomicReference<>();
                    return (key, timeout) -> {
                        last.set(right.calculate(key, timeout));
                        LockSupport.parkNanos(1);
                        return Objects.requireNonNull(last.get());
                    };
                }));
    }

    private static UsageMetrics mixed(UsageMetrics volume, UsageMetrics bytes) {
        return new UsageMetrics(volume.volume(), bytes.bytes());
    }

    private static Mutant<Adapter> failure(
            String fault, String check, Function<RuntimeException, RuntimeException> change) {
        return mutant(fault, check, right -> (key, timeout) -> {
            try {
                return right.calculate(key, timeout);
            } catch (UsageCalculationException e) {
                throw change.apply(e);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongFailures() {
        String fails = "throwsUsageCalculationExceptionWhenSourceFails";
        String givesUp = "givesUpAtTimeout";
        return List.of(
                mutant(
                        "the timeout ignored",
                        givesUp,
                        right -> (key, timeout) -> right.calculate(key, Duration.ofDays(1))),
                mutant(
                        "a timeout in the wrong unit",
                        givesUp,
                        right -> (key, timeout) -> right.calculate(key, timeout.multipliedBy(1_000))),
                failure(
                        "RuntimeException after the timeout",
                        givesUp,
                        e -> new IllegalStateException(e.getMessage(), e)),
                mutant(
                        "zeros after the timeout",
                        givesUp,
                        right -> (key, timeout) -> zerosOnFailure(right, key, timeout)),
                failure("RuntimeException", fails, e -> new RuntimeException(e.getMessage(), e)),
                failure("no message", fails, e -> new UsageCalculationException("", e)),
                mutant(
                        "zeros when the source fails",
                        fails,
                        right -> (key, timeout) -> zerosOnFailure(right, key, timeout)),
                mutant("broken for good after a failure", fails, right -> {
                    AtomicReference<RuntimeException> failure = new AtomicReference<>();
                    return (key, timeout) -> {
                        RuntimeException before = failure.get();
                        if (before != null) {
                            throw before;
                        }
                        try {
                            return right.calculate(key, timeout);
                        } catch (UsageCalculationException e) {
                            failure.set(e);
                            throw e;
                        }
                    };
                }));
    }

    private static OrganisationUsage zerosOnFailure(UsageCalculator right, UsageKey key, Duration timeout) {
        try {
            return right.calculate(key, timeout);
        } catch (UsageCalculationException e) {
            return new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.now());
        }
    }
}
