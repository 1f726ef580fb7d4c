/** Tests of the auto-configuration, which run on Spring Boot 3.5 here and on Spring Boot 4 in {@code verification/hosts/starter-boot-4}. */
@NullMarked
package io.usagekit.spring;

import org.jspecify.annotations.NullMarked;
