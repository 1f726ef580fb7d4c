package io.usagekit.verification.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** Who may depend on whom, in the whole project. */
class ArchitectureTest {

    private static final String[] CORE = {
        "io.usagekit", "io.usagekit.events..", "io.usagekit.format..", "io.usagekit.internal.."
    };
    private static final String POSTGRES = "io.usagekit.postgres..";
    private static final String REDIS = "io.usagekit.redis..";
    private static final String TESTKIT = "io.usagekit.testkit..";
    private static final String SERVERS = "io.usagekit.servers..";
    private static final String CLI = "io.usagekit.cli..";
    private static final String EXAMPLES = "io.usagekit.examples..";
    private static final String NOT_EXPORTED = "io.usagekit..internal..";

    private static final JavaClasses PROJECT = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.usagekit");

    @Test
    void allModulesAreLookedAt() {
        Set<String> packages = PROJECT.stream().map(JavaClass::getPackageName).collect(Collectors.toSet());

        assertThat(packages)
                .contains(
                        "io.usagekit",
                        "io.usagekit.events",
                        "io.usagekit.format",
                        "io.usagekit.internal",
                        "io.usagekit.postgres",
                        "io.usagekit.postgres.events",
                        "io.usagekit.redis",
                        "io.usagekit.testkit",
                        "io.usagekit.servers",
                        "io.usagekit.cli",
                        "io.usagekit.cli.support",
                        "io.usagekit.cli.commands",
                        "io.usagekit.cli.load",
                        "io.usagekit.cli.demo",
                        "io.usagekit.cli.http",
                        "io.usagekit.examples");
    }

    @Test
    void everyPackageIsOneOfAModuleAndNullMarked() {
        classes()
                .should()
                .resideInAnyPackage(
                        Stream.concat(Stream.of(CORE), Stream.of(POSTGRES, REDIS, TESTKIT, SERVERS, CLI, EXAMPLES))
                                .toArray(String[]::new))
                .check(PROJECT);

        Set<String> unmarked = PROJECT.stream()
                .filter(type -> !type.getSimpleName().equals("package-info"))
                .filter(type -> !type.getSimpleName().equals("module-info"))
                .map(JavaClass::getPackage)
                .filter(pack -> !pack.isAnnotatedWith(NullMarked.class))
                .map(JavaPackage::getName)
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(unmarked).as("packages without @NullMarked").isEmpty();
    }

    @Test
    void coreDependsOnTheJdkSlf4jAndJspecifyOnly() {
        String[] allowed = Stream.concat(
                        Stream.of(CORE), Stream.of("java..", "javax.crypto..", "org.slf4j..", "org.jspecify.."))
                .toArray(String[]::new);
        classes()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(allowed)
                .check(PROJECT);
        noClasses()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.sql..", "javax.sql..", "io.lettuce..")
                .check(PROJECT);
    }

    @Test
    void coreNeverSleeps() {
        noClasses()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .callMethodWhere(DescribedPredicate.describe(
                        "it is Thread.sleep",
                        call -> call.getTargetOwner().isEquivalentTo(Thread.class)
                                && call.getName().equals("sleep")))
                .check(PROJECT);
    }

    @Test
    void adaptersDependOnCoreAndNeverOnEachOther() {
        noClasses()
                .that()
                .resideInAPackage(POSTGRES)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(REDIS, TESTKIT, SERVERS, CLI, EXAMPLES)
                .check(PROJECT);
        noClasses()
                .that()
                .resideInAPackage(REDIS)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(POSTGRES, TESTKIT, SERVERS, CLI, EXAMPLES, "java.sql..", "javax.sql..")
                .check(PROJECT);
        noClasses()
                .that()
                .resideInAPackage(TESTKIT)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(POSTGRES, REDIS, SERVERS, CLI, EXAMPLES)
                .check(PROJECT);
    }

    @Test
    void whatIsInternalIsCoresOwn() {
        noClasses()
                .that()
                .resideOutsideOfPackages(CORE)
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.usagekit.internal..")
                .check(PROJECT);
    }

    @Test
    void modulesArentIntertwined() {
        slices().matching("io.usagekit.(postgres|redis|testkit|servers|cli|examples)..")
                .should()
                .beFreeOfCycles()
                .check(PROJECT);
    }

    @Test
    void noDriversExceptionStandsInASignatureOfTheApi() {
        classes()
                .that()
                .resideInAPackage("io.usagekit..")
                .and(publicAllTheWay())
                .and(notOf(NOT_EXPORTED, SERVERS, CLI, EXAMPLES))
                .should(nameNoDriversException())
                .check(PROJECT);
    }

    private static DescribedPredicate<JavaClass> publicAllTheWay() {
        return DescribedPredicate.describe(
                "public, and so is what encloses them",
                type -> type.getModifiers().contains(JavaModifier.PUBLIC)
                        && type.getEnclosingClass().map(publicAllTheWay()::test).orElse(true));
    }

    private static DescribedPredicate<JavaClass> notOf(String... packages) {
        DescribedPredicate<JavaClass> outside = alwaysTrue();
        for (String one : packages) {
            outside = outside.and(DescribedPredicate.not(resideInAPackage(one)));
        }
        return outside;
    }

    private static ArchCondition<JavaClass> nameNoDriversException() {
        return new ArchCondition<>("name no driver's exception in a public or protected signature") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                type.getCodeUnits().stream()
                        .filter(unit -> unit.getModifiers().contains(JavaModifier.PUBLIC)
                                || unit.getModifiers().contains(JavaModifier.PROTECTED))
                        .filter(ArchitectureTest::namesDriversException)
                        .forEach(unit -> events.add(SimpleConditionEvent.violated(unit, unit.getDescription())));
            }
        };
    }

    private static boolean namesDriversException(JavaCodeUnit unit) {
        Stream<JavaClass> named = Stream.concat(
                Stream.concat(unit.getRawParameterTypes().stream(), unit.getThrowsClause().getTypes().stream()),
                Stream.of(unit.getRawReturnType()));
        return named.anyMatch(type ->
                type.isAssignableTo("java.sql.SQLException") || type.isAssignableTo("io.lettuce.core.RedisException"));
    }
}
