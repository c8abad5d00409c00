variable "table" {
  description = "The ARNs of the region's tables, by their names in `names.json`."
  type        = map(string)
  nullable    = false
}

variable "data_key" {
  description = "ARN of the region's key of data keys."
  type        = string
  nullable    = false
}

variable "peer_keys" {
  description = "ARNs of the keys of the peers that the function reaches."
  type        = list(string)
  nullable    = false
}

variable "only_data_keys" {
  description = "The condition by which `peer_keys` are keys of data keys of the deployment."
  type        = map(map(string))
  nullable    = false
}

variable "merges_and_erases" {
  description = "Whether the functions merge and erase people."
  type        = bool
  nullable    = false
}
