package io.usagekit.micrometer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a Prometheus endpoint answers, and what expressions over it need of it. */
final class PrometheusText {

    /** Labels that Prometheus itself adds. */
    private static final List<String> ADDED = List.of("job", "instance");

    private static final Pattern SAMPLE = Pattern.compile("(?m)^([a-z_]+)(?:\\{(.*)})? (\\S+)$");
    private static final Pattern LABEL = Pattern.compile("([a-z_]+)(=~?)\\\\?\"([^\"\\\\]*)\\\\?\"");
    private static final Pattern SELECTOR = Pattern.compile("(usagekit_[a-z_]+)(?:\\{([^}]*)})?");

    private record Sample(String name, Map<String, String> labels, double value) {}

    private final List<Sample> samples;

    PrometheusText(String scrape) {
        samples = SAMPLE.matcher(scrape)
                .results()
                .map(sample -> new Sample(
                        sample.group(1),
                        labels(sample.group(2) == null ? "" : sample.group(2)),
                        Double.parseDouble(sample.group(3).replace("+Inf", "Infinity"))))
                .toList();
    }

    private static Map<String, String> labels(String text) {
        Map<String, String> labels = new TreeMap<>();
        LABEL.matcher(text).results().forEach(label -> labels.put(label.group(1), label.group(3)));
        return labels;
    }

    /** The value of a sample that has these labels, which are names and values in turn. */
    double value(String name, String... labels) {
        for (Sample sample : samples) {
            if (sample.name().equals(name) && hasAll(sample, labels)) {
                return sample.value();
            }
        }
        throw new AssertionError("no sample " + name + " " + List.of(labels));
    }

    private static boolean hasAll(Sample sample, String... labels) {
        for (int i = 0; i < labels.length; i += 2) {
            if (!labels[i + 1].equals(sample.labels().get(labels[i]))) {
                return false;
            }
        }
        return true;
    }

    /** The names of the metrics in a text. */
    static List<String> names(String text) {
        return SELECTOR.matcher(text).results().map(metric -> metric.group(1)).toList();
    }

    /** Of the selectors in a text, those for which there is no sample: another name, another label or a value that no sample has. */
    List<String> unmatched(String text) {
        List<String> unmatched = new ArrayList<>();
        SELECTOR.matcher(text).results().forEach(selector -> {
            String labels = selector.group(2) == null ? "" : selector.group(2);
            if (LABEL.matcher(labels).results().noneMatch(label -> true)) {
                addUnlessThere(unmatched, selector.group(), selector.group(1), Map.of());
            }
            LABEL.matcher(labels)
                    .results()
                    .forEach(label -> values(label)
                            .forEach(value -> addUnlessThere(
                                    unmatched, selector.group(), selector.group(1), Map.of(label.group(1), value))));
        });
        return unmatched;
    }

    private static List<String> values(MatchResult label) {
        return label.group(2).equals("=~")
                ? List.of(Pattern.compile("[|]").split(label.group(3)))
                : List.of(label.group(3));
    }

    private void addUnlessThere(List<String> unmatched, String selector, String name, Map<String, String> labels) {
        boolean isThere = samples.stream()
                .filter(sample -> sample.name().equals(name))
                .anyMatch(sample -> labels.entrySet().stream()
                        .allMatch(label -> ADDED.contains(label.getKey())
                                || label.getValue().equals(sample.labels().get(label.getKey()))));
        if (!isThere) {
            unmatched.add(selector);
        }
    }

    /** The labels by which expressions or legends in a text group, and that no sample has. */
    List<String> unknownLabels(String text) {
        List<String> unknown = new ArrayList<>();
        Matcher groups = Pattern.compile("by \\(([a-z_, ]+)\\)|\\{\\{ ?(?:[$]labels[.])?([a-z_]+) ?}}")
                .matcher(text);
        while (groups.find()) {
            String labels = groups.group(1) == null ? groups.group(2) : groups.group(1);
            for (String label : labels.split(", ", -1)) {
                if (!ADDED.contains(label)
                        && samples.stream().noneMatch(sample -> sample.labels().containsKey(label))) {
                    unknown.add(label);
                }
            }
        }
        return unknown;
    }
}
