output "pool" {
  description = "Id of the pool: `--pool` of `umoja source add`."
  value       = aws_cognito_user_pool.this.id
}

output "client" {
  description = "Id of the pool's client."
  value       = aws_cognito_user_pool_client.this.id
}

output "functions" {
  description = "Names of the functions, by their names without the prefix."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}
