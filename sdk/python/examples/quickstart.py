import sys
import time

from umoja import Umoja

umoja = Umoja.from_file(sys.argv[1], sys.argv[2:])
user = umoja.register(email=f"ada-{time.time_ns()}@example.com", password="correct horse battery").user
login = umoja.authenticate(id=user.id, password="correct horse battery")
print(user.id, login.authenticated)
