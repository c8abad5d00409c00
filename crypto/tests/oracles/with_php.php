<?php
// Hashes of many passwords by PHP, one JSON object on each line, for legacy_oracles.rs.
$passwords = ["", "a", "password", "p\u{e4}ssw\u{f6}rd \u{20ac}", "\u{65e5}\u{672c}\u{8a9e}", "inner blank", "\$P\$ {SSHA} a:b",
    str_repeat("x", 71), str_repeat("x", 72), str_repeat("x", 73), str_repeat("\u{20ac}", 30)];

function emit($kind, $password, $fields) {
    echo json_encode(["kind" => $kind, "password" => $password] + $fields), "\n";
}

function argon($data, $salt, $ops, $mem) {
    $salt = substr(str_pad($salt, SODIUM_CRYPTO_PWHASH_SALTBYTES, $salt), 0, SODIUM_CRYPTO_PWHASH_SALTBYTES);
    return bin2hex(sodium_crypto_pwhash(32, $data, $salt, $ops, $mem, SODIUM_CRYPTO_PWHASH_ALG_ARGON2ID13));
}

foreach ($passwords as $password) {
    $parse = fn($hash) => emit("parse", $password, ["hash" => $hash]);
    $parse(password_hash($password, PASSWORD_BCRYPT, ["cost" => 4]));
    $hmac = base64_encode(hash_hmac("sha384", $password, "wp-sha384", true));
    $parse('$wp' . password_hash($hmac, PASSWORD_BCRYPT, ["cost" => 4]));
    if (defined("PASSWORD_ARGON2ID")) {
        $parse(password_hash($password, PASSWORD_ARGON2ID, ["memory_cost" => 64, "time_cost" => 1]));
    }
    foreach (['$1$saltsalt$', '$5$saltstring$', '$5$rounds=1000$s$', '$6$saltstring$', '$6$rounds=5000$saltsaltsaltsalt$'] as $setting) {
        $parse(crypt($password, $setting));
    }
    foreach (["md5" => "0", "sha256" => "1"] as $name => $version) {
        $parse(hash($name, "Salt32" . $password) . ":Salt32");
        $parse(hash($name, "Salt32" . $password) . ":Salt32:$version");
    }
    $parse(hash("sha256", "s" . md5("s" . $password)) . ":s:0:1");
    if (function_exists("sodium_crypto_pwhash")) {
        foreach (["short", "0123456789abcdef0123456789abcdef"] as $salt) {
            $parse(argon($password, $salt, 1, 8388608) . ":$salt:3_32_1_8388608");
            $parse(argon(md5($salt . $password), $salt, 1, 8388608) . ":$salt:0:3_32_1_8388608");
            $parse(argon(hash("sha256", $salt . md5($salt . $password)), $salt, 1, 8388608) . ":$salt:0:1:3_32_1_8388608");
        }
    }
    emit("presta", $password, ["hash" => md5("pepper" . $password)]);
    emit("opencart", $password, ["salt" => "aB3", "hash" => sha1("aB3" . sha1("aB3" . sha1($password)))]);
}
