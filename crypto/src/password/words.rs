//! Words that guessing programs try first and that the lists of `zxcvbn`, which are English, do not have or do not mark.
//!
//! All are in lower case and in NFKC. The names of seasons, months and weekdays are those of the Unicode CLDR.

/// Words of the calendar: people who have to change a password every few months write the season or the month with the
/// year.
const CALENDAR: &str = "
    spring summer autumn fall winter january february march april may june july august september october november
    december monday tuesday wednesday thursday friday saturday sunday easter christmas holiday
    frühling fruehling fruhling frühjahr sommer herbst januar februar märz maerz marz mai juni juli oktober dezember
    montag dienstag mittwoch donnerstag freitag samstag sonntag ostern weihnachten
    printemps été automne hiver janvier février fevrier mars avril juin juillet août aout septembre octobre novembre
    décembre decembre lundi mardi mercredi jeudi vendredi samedi dimanche noël
    primavera verano otoño otono invierno enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
    diciembre lunes martes miércoles miercoles jueves viernes sábado sabado domingo navidad
    verão verao outono inverno janeiro fevereiro março marco maio junho julho setembro outubro novembro dezembro
    estate autunno gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre
    lente zomer herfst januari februari maart mei augustus december maandag dinsdag woensdag donderdag vrijdag zaterdag
    zondag masika kiangazi kipupwe machi aprili agosti septemba oktoba novemba desemba jumatatu jumamosi jumapili
    ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
    весна лето осень зима январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь
    весна літо осінь зима січень лютий березень квітень травень червень липень серпень вересень жовтень листопад грудень
    άνοιξη καλοκαίρι φθινόπωρο χειμώνας ιανουάριος φεβρουάριος μάρτιος απρίλιος μάιος ιούνιος ιούλιος αύγουστος
    ربيع صيف خريف شتاء يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر رمضان
    بهار تابستان پاییز زمستان קיץ חורף אביב סתיו
    春天 夏天 秋天 冬天 春节 新年 一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月 春 夏 秋 冬 月
    봄 여름 가을 겨울
    መስከረም ጥቅምት ኅዳር ታኅሣሥ ጥር የካቲት መጋቢት ሚያዝያ ግንቦት ሰኔ ሐምሌ ነሐሴ በጋ ክረምት
    ";

/// `password`, greetings and the like in other languages.
const COMMON: &str = "
    passwort kennwort motdepasse contraseña contrasena senha parola wachtwoord hasło haslo salasana lösenord losenord
    adgangskode nenosiri sifre şifre heslo jelszo willkommen bienvenue bienvenido bemvindo benvenuto welkom karibu
    administrator administrateur changeme hallo bonjour hola ciao jambo azertyuiop qwertzuiop
    пароль привет любовь люблю солнышко солнце наташа максим спартак зенит россия москва україна киев любимая
    كلمة السر المرور مرحبا حبيبي محمد أحمد احمد الله بحبك
    密码 我爱你 你好 中国 北京 上海 パスワード ようこそ さくら ありがとう 비밀번호 사랑해 안녕하세요 대한민국
    סיסמה סיסמא שלום κωδικός κωδικος ελλάδα ελλαδα σαγαπω αγαπη
    የይለፍ ቃል የይለፍቃል ሰላም ኢትዮጵያ पासवर्ड नमस्ते भारत รหัสผ่าน สวัสดี
    ";

/// All of the words.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    CALENDAR.split_whitespace().chain(COMMON.split_whitespace())
}

/// True for a word of the calendar.
pub(super) fn is_of_calendar(word: &str) -> bool {
    CALENDAR.split_whitespace().any(|entry| entry == word)
}

/// True for any of the words.
pub(super) fn is_known(word: &str) -> bool {
    all().any(|entry| entry == word)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    #[test]
    fn words_are_as_a_normalised_password_in_lower_case_has_them() {
        for word in all() {
            assert_eq!(word.nfkc().collect::<String>().to_lowercase(), word);
        }
        assert!(is_of_calendar("summer") && is_known("пароль") && !is_of_calendar("пароль") && !is_known("horse"));
    }
}
