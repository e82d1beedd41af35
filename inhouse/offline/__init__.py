"""What is handed out to be run elsewhere. Nothing here may import anything of ours."""
