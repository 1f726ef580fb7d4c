package io.usagekit;

import java.util.concurrent.CompletionStage;

/** Runs loads without their internal hooks: what a host's single-flight knows of a load. */
final class PlainSingleFlight implements SingleFlight {

    private final SingleFlight engine = SingleFlights.inProcess();

    /** Passes on the three methods of the public interface. */
    private record PlainLoad(Load load) implements Load {
        @Override
        public LoadTerms terms() {
            return load.terms();
        }

        @Override
        public CompletionStage<LoadOutcome> compute() {
            return load.compute();
        }

        @Override
        public CompletionStage<Void> store(LoadOutcome outcome) {
            return load.store(outcome);
        }
    }

    @Override
    public CompletionStage<LoadOutcome> run(UsageKey key, Load load) {
        return engine.run(key, new PlainLoad(load));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return engine.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return engine.invalidate(organisationId);
    }

    @Override
    public void close() {
        engine.close();
    }
}
