#!/bin/sh
# Signs one request, sends it, and checks the answer, with nothing but openssl (3 or later) and curl.
#
#   sh docs/requests/sign.sh COMPANY.json URL [OPERATION [BODY]]
#   sh docs/requests/sign.sh DIR/demo.json [OPERATION [BODY]]
#
# COMPANY.json is written by `umoja company add --out COMPANY.json`; URL is the region's base URL. DIR/demo.json is written
# by `umoja demo --dir DIR`: its first company calls its first region. Without an operation it registers a new person.
set -eu
umask 077

file=$1
case ${2:-} in
http*) url=$2 && shift ;;
*) url= ;;
esac
operation=${2:-register}
body=${3:-"{\"email\":\"person-$(openssl rand -hex 6)@example.com\",\"profile\":{\"given_name\":\"Amina\"}}"}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# first LIST MEMBER: a member of the first object of a list in the file. Use a JSON tool if you have one.
first() {
    tr -d '\n' <"$file" | sed -n "s/.*\"$1\"[^[]*\[[^{]*{\([^}]*\)}.*/\1/p" | sed -n "s/.*\"$2\" *: *\"\([^\"]*\)\".*/\1/p"
}
# member NAME: a member of the company.
member() {
    if [ -n "$is_company" ]; then
        tr -d '\n' <"$file" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"
    else
        first companies "$1"
    fi
}
# base64url without padding (RFC 7515, section 2), and back.
b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unb64url() {
    text=$(tr '_-' '/+')
    case $((${#text} % 4)) in
    2) text="$text==" ;;
    3) text="$text=" ;;
    esac
    printf %s "$text" | openssl base64 -d -A
}

is_company=$url
url=${url:-$(first regions url)}
company=$(member id)
api_key=$(member api_key)
printf '%b' "$(member private_key_pem)" >"$work/key.pem"

# 1. Header and claims. `aud` is the region's base URL, `htu` that and the path, `akh` the hash of the API key.
now=$(date +%s)
jti=$(openssl rand -hex 16)
akh=$(printf %s "$api_key" | openssl dgst -sha256 -binary | b64url)
header="{\"alg\":\"$(member alg)\",\"kid\":\"$(member kid)\",\"typ\":\"umoja-req+jwt\"}"
claims="{\"iss\":\"$company\",\"aud\":\"$url\",\"iat\":$now,\"exp\":$((now + 60)),\"jti\":\"$jti\",\"htm\":\"POST\",\
\"htu\":\"$url/v1/users/$operation\",\"akh\":\"$akh\",\"body\":$body}"

# 2. Sign `header.claims` with Ed25519.
printf '%s.%s' "$(printf %s "$header" | b64url)" "$(printf %s "$claims" | b64url)" >"$work/signed"
openssl pkeyutl -sign -rawin -inkey "$work/key.pem" -in "$work/signed" -out "$work/signature"
printf '%s.%s' "$(cat "$work/signed")" "$(b64url <"$work/signature")" >"$work/request"

# 3. Send it: the body is the token, the API key stands beside it.
status=$(curl --silent --show-error --output "$work/response" --write-out '%{http_code}' \
    --header 'content-type: application/jwt' --header "x-api-key: $api_key" \
    --data-binary "@$work/request" "$url/v1/users/$operation")

# An answer to a request that the region does not accept is not signed.
case $(cat "$work/response") in
"{"*) echo "status $status, not signed: $(cat "$work/response")" >&2; exit 1 ;;
esac

# 4. Check that the region signed the answer: its Ed25519 key is in jwks.json, under the `kid` of the answer's header.
kid=$(cut -d. -f1 "$work/response" | tr -d '\n' | unb64url | sed 's/.*"kid":"\([^"]*\)".*/\1/')
x=$(curl --silent --show-error "$url/.well-known/jwks.json" | tr -d ' \n' | tr '}' '\n' | grep "\"kid\":\"$kid\"" |
    sed 's/.*"x":"\([^"]*\)".*/\1/')
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; printf %s "$x" | unb64url; } >"$work/region.der"
cut -d. -f1,2 "$work/response" | tr -d '\n' >"$work/answered"
cut -d. -f3 "$work/response" | tr -d '\n' | unb64url >"$work/answer.signature"
openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$work/region.der" -in "$work/answered" \
    -sigfile "$work/answer.signature" >"$work/verified" || { echo "the answer is not signed by the region" >&2; exit 1; }

# 5. Check that it answers this very request.
answer=$(cut -d. -f2 "$work/response" | tr -d '\n' | unb64url)
rqh=$(openssl dgst -sha256 -binary "$work/request" | b64url)
case $answer in
*"\"rjti\":\"$jti\",\"rqh\":\"$rqh\",\"status\":$status,"*) ;;
*) echo "the answer is to another request" >&2; exit 1 ;;
esac

echo "$answer"
[ "$status" -lt 400 ]
