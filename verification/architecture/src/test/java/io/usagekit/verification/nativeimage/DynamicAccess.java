package io.usagekit.verification.nativeimage;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.ObjectInputStream;
import java.lang.invoke.MethodHandles;
import java.util.Map;
import java.util.ResourceBundle;
import java.util.ServiceLoader;
import java.util.Set;

/** Access by name to classes, members and resources, which the static analysis of a native image doesn't follow. */
final class DynamicAccess {

    private static final String REFLECTION = "java.lang.reflect";

    private static final Set<String> OF_CLASSES = Set.of(
            "forName",
            "getConstructor",
            "getConstructors",
            "getDeclaredConstructor",
            "getDeclaredConstructors",
            "getDeclaredField",
            "getDeclaredFields",
            "getDeclaredMethod",
            "getDeclaredMethods",
            "getField",
            "getFields",
            "getMethod",
            "getMethods",
            "getPermittedSubclasses",
            "getRecordComponents",
            "getResource",
            "getResourceAsStream",
            "newInstance");

    private static final Set<String> OF_LOADERS =
            Set.of("findClass", "getResource", "getResourceAsStream", "getResources", "loadClass", "resources");

    private static final Map<Class<?>, Set<String>> CALLS =
            Map.of(Class.class, OF_CLASSES, ClassLoader.class, OF_LOADERS);

    /** Of these, any method. */
    private static final Set<Class<?>> TYPES =
            Set.of(ServiceLoader.class, ResourceBundle.class, MethodHandles.Lookup.class, ObjectInputStream.class);

    private DynamicAccess() {}

    /** Only these classes of these packages have such access; the metadata has to cover it. */
    static ArchRule confinedTo(Set<String> exceptions, String... packages) {
        return noClasses()
                .that()
                .resideInAnyPackage(packages)
                .and(DescribedPredicate.not(
                        DescribedPredicate.describe("are known", type -> exceptions.contains(outermost(type)))))
                .should(access());
    }

    private static ArchCondition<JavaClass> access() {
        return new ArchCondition<>("access classes, members or resources dynamically") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                type.getMethodCallsFromSelf().stream()
                        .filter(DynamicAccess::isDynamic)
                        .forEach(call -> events.add(SimpleConditionEvent.satisfied(type, call.getDescription())));
                type.getDirectDependenciesFromSelf().stream()
                        .filter(dependency -> isReflection(dependency.getTargetClass()))
                        .map(Dependency::getDescription)
                        .forEach(found -> events.add(SimpleConditionEvent.satisfied(type, found)));
            }
        };
    }

    private static boolean isDynamic(JavaMethodCall call) {
        JavaClass owner = call.getTargetOwner();
        return TYPES.stream().anyMatch(owner::isEquivalentTo)
                || CALLS.entrySet().stream()
                        .anyMatch(entry -> owner.isEquivalentTo(entry.getKey())
                                && entry.getValue().contains(call.getName()));
    }

    private static boolean isReflection(JavaClass target) {
        return target.getPackageName().equals(REFLECTION);
    }

    private static String outermost(JavaClass type) {
        return type.getEnclosingClass().map(DynamicAccess::outermost).orElse(type.getName());
    }
}
