package io.usagekit.cli.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/** Who the demo's events belong to: a few organisations receive most of them. The same seed makes the same ones. */
final class DemoOrganisations {

    /** How many there are. */
    static final int COUNT = 50;

    private static final int MAX_PROJECTS = 3;
    private static final int MAX_ENDPOINTS = 3;
    private static final int DELETED_EVERY = 9;
    private static final List<String> NAMES = List.of("Checkout", "Notifications", "");

    /**
     * A project.
     *
     * @param name blank: it has none
     * @param endpoints to how many each of its events is delivered, 1 to 3
     */
    record Project(String id, String organisationId, String name, boolean deleted, int endpoints) {}

    private final List<List<Project>> projects = new ArrayList<>();
    private final double[] cumulative = new double[COUNT];

    DemoOrganisations(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double sum = 0;
        for (int i = 0; i < COUNT; i++) {
            projects.add(projects(i, random));
            sum += 1.0 / (i + 1); // Zipf
            cumulative[i] = sum;
        }
    }

    private static List<Project> projects(int index, SplittableRandom random) {
        List<Project> projects = new ArrayList<>();
        int count = 1 + random.nextInt(MAX_PROJECTS);
        for (int p = 1; p <= count; p++) {
            boolean deleted = p > 1 && (index + p) % DELETED_EVERY == 0;
            projects.add(new Project(
                    id(index) + "-project-" + p,
                    id(index),
                    NAMES.get(p - 1),
                    deleted,
                    1 + random.nextInt(MAX_ENDPOINTS)));
        }
        return List.copyOf(projects);
    }

    private static String id(int index) {
        return String.format(Locale.ROOT, "org-%02d", index + 1);
    }

    /** All of them, those that are likely to receive most first. */
    List<String> ids() {
        return projects.stream().map(ofOne -> ofOne.get(0).organisationId()).toList();
    }

    /** All of theirs. */
    List<Project> projects() {
        return projects.stream().flatMap(List::stream).toList();
    }

    /** The project that receives the next event. */
    Project pick(SplittableRandom random) {
        double at = random.nextDouble() * cumulative[COUNT - 1];
        int index = 0;
        while (cumulative[index] < at) {
            index++;
        }
        List<Project> candidates = projects.get(index);
        return candidates.get(random.nextInt(candidates.size()));
    }
}
