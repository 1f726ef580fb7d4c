package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DemoOrganisationsTest {

    @Test
    void theSameSeedMakesTheSameOnes() {
        assertThat(new DemoOrganisations(1).projects()).isEqualTo(new DemoOrganisations(1).projects());
        assertThat(new DemoOrganisations(1).projects()).isNotEqualTo(new DemoOrganisations(2).projects());
    }

    @Test
    void fiftyWithOneToThreeProjectsEachAFewOfThemDeleted() {
        DemoOrganisations organisations = new DemoOrganisations(2026);
        List<DemoOrganisations.Project> projects = organisations.projects();
        Map<String, Long> perOrganisation = projects.stream()
                .collect(Collectors.groupingBy(DemoOrganisations.Project::organisationId, Collectors.counting()));

        assertThat(organisations.ids()).hasSize(50).doesNotHaveDuplicates().startsWith("org-01");
        assertThat(perOrganisation).hasSize(50);
        assertThat(perOrganisation.values()).allMatch(count -> count >= 1 && count <= 3);
        assertThat(projects.stream().filter(DemoOrganisations.Project::deleted).count())
                .isBetween(3L, 15L);
        assertThat(projects).extracting(DemoOrganisations.Project::id).doesNotHaveDuplicates();
    }

    @Test
    void afewReceiveMost() {
        DemoOrganisations organisations = new DemoOrganisations(2026);
        SplittableRandom random = new SplittableRandom(5);
        Map<String, Long> events = Stream.generate(
                        () -> organisations.pick(random).organisationId())
                .limit(50_000)
                .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));

        assertThat(events).hasSize(50);
        assertThat(events.get("org-01")).isBetween(10_000L, 12_500L);
        assertThat(events.get("org-50")).isBetween(100L, 400L);
    }
}
