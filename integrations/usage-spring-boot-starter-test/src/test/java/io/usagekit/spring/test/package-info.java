/** Tests of the module, which run on Spring Boot 3.5 here and on Spring Boot 4 in {@code verification/hosts/starter-test-boot-4}. */
@NullMarked
package io.usagekit.spring.test;

import org.jspecify.annotations.NullMarked;
