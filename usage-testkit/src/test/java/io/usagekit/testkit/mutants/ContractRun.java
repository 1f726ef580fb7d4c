package io.usagekit.testkit.mutants;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectUniqueId;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Run of a contract suite by JUnit itself. The suite's class has {@link AdapterParameter} as an extension, and takes its adapter in its
 * constructor: one adapter serves all cases of the run.
 */
final class ContractRun {

    private static final String ADAPTER = "usagekit.mutants.adapter";
    private static final AtomicLong NUMBERS = new AtomicLong();
    private static final Map<String, Object> ADAPTERS = new ConcurrentHashMap<>();

    /** How a case ended; empty if it passed. */
    private final Map<String, Optional<Throwable>> cases = new TreeMap<>();
    /** Unique ids of the cases. */
    private final Map<String, String> ids = new TreeMap<>();

    private ContractRun() {}

    /** Runs the cases whose method names meet the condition. */
    static ContractRun of(Class<?> suite, Object adapter, Predicate<String> condition) {
        return of(selectClass(suite), adapter, condition);
    }

    /** Runs one case of a table of cases, which has this unique id. */
    static ContractRun ofCell(String uniqueId, Object adapter) {
        return of(selectUniqueId(uniqueId), adapter, method -> true);
    }

    private static ContractRun of(DiscoverySelector selector, Object adapter, Predicate<String> condition) {
        String number = Long.toString(NUMBERS.incrementAndGet());
        ADAPTERS.put(number, adapter);
        try {
            ContractRun run = new ContractRun();
            LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(selector)
                    .filters((PostDiscoveryFilter) test -> included(test, condition))
                    .configurationParameter(ADAPTER, number)
                    .build();
            launcher().execute(request, run.new Listener());
            return run;
        } finally {
            ADAPTERS.remove(number);
        }
    }

    private static Launcher launcher() {
        return LauncherFactory.create(LauncherConfig.builder()
                .enableTestExecutionListenerAutoRegistration(false)
                .enableLauncherSessionListenerAutoRegistration(false)
                .enableLauncherDiscoveryListenerAutoRegistration(false)
                .enablePostDiscoveryFilterAutoRegistration(false)
                .build());
    }

    private static FilterResult included(TestDescriptor test, Predicate<String> condition) {
        boolean excluded = test.getSource()
                .filter(MethodSource.class::isInstance)
                .filter(source -> !condition.test(((MethodSource) source).getMethodName()))
                .isPresent();
        return FilterResult.includedIf(!excluded);
    }

    /** Returns how each case ended: empty if it passed. */
    Map<String, Optional<Throwable>> cases() {
        return cases;
    }

    /** Returns the unique id of each case. */
    Map<String, String> ids() {
        return ids;
    }

    private final class Listener implements TestExecutionListener {

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            Optional<Throwable> error = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL
                    ? Optional.empty()
                    : Optional.of(result.getThrowable().orElseGet(() -> new AssertionError(result.getStatus())));
            if (test.isTest() || error.isPresent()) {
                synchronized (cases) {
                    cases.put(name(test), error);
                    ids.put(name(test), test.getUniqueId());
                }
            }
        }

        private static String name(TestIdentifier test) {
            return test.getSource()
                    .filter(source -> !test.getUniqueId().contains("[dynamic-test:"))
                    .filter(MethodSource.class::isInstance)
                    .map(source -> ((MethodSource) source).getMethodName())
                    .orElseGet(test::getDisplayName);
        }
    }

    /** Resolves the suite's constructor parameter to the adapter of its run. */
    static final class AdapterParameter implements ParameterResolver {

        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return adapter(context)
                    .filter(parameter.getParameter().getType()::isInstance)
                    .isPresent();
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return adapter(context).orElseThrow();
        }

        private static Optional<Object> adapter(ExtensionContext context) {
            return context.getConfigurationParameter(ADAPTER).map(ADAPTERS::get);
        }
    }
}
