<?php

require 'vendor/autoload.php';

$umoja = Umoja\Umoja::fromFile($argv[1], array_slice($argv, 2));
$user = $umoja->register(email: 'ada-' . hrtime(true) . '@example.com', password: 'correct horse battery')->user;
$login = $umoja->authenticate(id: $user->id, password: 'correct horse battery');
echo $user->id, ' ', json_encode($login->authenticated), "\n";
